"""Load on a served application: callers in a closed loop, every request accounted for.

    python -m tests.serving_load --port 8000 --callers 8

runs until its standard input ends, or SIGTERM, or ``--count`` requests, or ``--seconds``; prints
``answering`` after the first answer, and at its end one line of JSON. A process of its own, so that it goes
on whatever the test waits for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import uvloop

from benchmarks.serving import client
from benchmarks.serving.client import HOST

ROOT = Path(__file__).parents[1]
BRAND = "Aera"
ANSWER_S = 60.0
"""After which an answer is missed."""
_FAILURES = 20
_REPEATED = 50
_LONGEST_WAIT_S = 1.0
_REFUSALS = (429, 503)


@dataclass
class Written:
    """Answers of one model version in one form of words, and when they came, in seconds since 1970."""

    version: str
    text: str
    count: int = 0
    first: float = 0.0
    last: float = 0.0


@dataclass
class Outcome:
    """What came of a load.

    Attributes:
        sent: requests; one that was tried again counts once.
        answered: by status; with a text where that is 200.
        refused: 429 or 503 with Retry-After, once more when that was over, and then for good.
        unreached: no connection could be made, twice.
        failed: none of these.
        failures: those in words; the first of them.
        refusals: how often 429 or 503 with Retry-After came at all, by status.
        retry_after_s: the longest that they said.
        reconnects: how often a connection could not be made at first.
        cached: answers that an ingress had kept.
        latencies_ms: of all with status 200, from the request's first byte to the answer's last.
        written: by version and form of words.
        seconds: that it took.
    """

    sent: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    unreached: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)
    retry_after_s: float = 0.0
    reconnects: int = 0
    cached: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    written: dict[str, Written] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def read(cls, line: str) -> Self:
        """From the line of JSON."""
        tree = json.loads(line)
        for name in ("answered", "refusals"):
            tree[name] = Counter({int(status): count for status, count in tree[name].items()})
        tree["written"] = {key: Written(**each) for key, each in tree["written"].items()}
        return cls(**tree)

    @property
    def versions(self) -> set[str]:
        """Of the models that wrote."""
        return {each.version for each in self.written.values()}

    def of(self, version: str) -> Written:
        """What a version wrote, which was in one form of words."""
        [written] = [each for each in self.written.values() if each.version == version]
        return written

    def percentile_ms(self, percent: float) -> float:
        """A latency that so many of 100 answers did not take longer than."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0

    def __str__(self) -> str:
        p50, p95, p99 = (self.percentile_ms(percent) for percent in (50, 95, 99))
        return (
            f"{self.sent:,} sent in {self.seconds:.1f} s, answered {dict(self.answered)}, {self.cached} from "
            f"memory, refused {self.refused} (of {dict(self.refusals)} refusals), not connected "
            f"{self.unreached}, failed {self.failed}; p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms; "
            f"{self.reconnects} reconnects; "
            + ", ".join(
                f"version {each.version}: {each.count} x {each.text!r}" for each in self.written.values()
            )
        )


class _UnreachedError(Exception):
    """No connection could be made, or a new one was closed without an answer."""


class _Connection(client._Connection):
    """Also knows the headers that say how an answer came, or when to come back."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, str] = {}
        self.heard = False

    def data_received(self, data: bytes) -> None:
        self.heard = True
        super().data_received(data)

    def on_message_begin(self) -> None:
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")


class _Load:
    """Its callers share the numbers of products, and the outcome."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self._port: int = parsed.port
        self._callers: int = parsed.callers
        self._repeat_percent: int = parsed.repeat
        self._numbers = iter(range(parsed.count) if parsed.count else itertools.count())
        self._first = parsed.first
        self._stopped = asyncio.Event()
        self.outcome = Outcome()

    def stop(self) -> None:
        """Let each caller have its present answer, and no more."""
        self._stopped.set()

    async def run(self) -> None:
        began = time.monotonic()
        await asyncio.gather(*(self._call() for _ in range(self._callers)))
        self.outcome.seconds = time.monotonic() - began

    async def _call(self) -> None:
        connection = _Connection()
        for number in self._numbers:
            if self._stopped.is_set():
                break
            self.outcome.sent += 1
            try:
                connection = await self._ask(connection, number)
            except _UnreachedError:
                self.outcome.unreached += 1
                await self._pause(0.2)
            except (OSError, ValueError, KeyError) as error:  # a timeout is an OSError
                connection.close()
                self.outcome.failed += 1
                if len(self.outcome.failures) < _FAILURES:
                    self.outcome.failures.append(f"request {number}: {str(error) or type(error).__name__}")
        connection.close()

    async def _ask(self, connection: _Connection, number: int) -> _Connection:
        """Ask for a product, and take down what came; again, once, where nothing was accepted."""
        name = self._name(number)
        for attempt in (1, 2):
            is_new = not connection.is_open
            if is_new:
                connection = await self._connected()
            began = time.perf_counter()
            try:
                status, body = await asyncio.wait_for(connection.ask(self._request(name)), ANSWER_S)
            except ConnectionError as error:
                if (
                    is_new and not connection.heard
                ):  # the kernel had made it, for a server that takes nobody in any more
                    raise _UnreachedError from error
                raise
            took_s = time.perf_counter() - began
            wait = connection.headers.get("retry-after")
            if status in _REFUSALS and wait is not None:
                self.outcome.refusals[status] += 1
                self.outcome.retry_after_s = max(self.outcome.retry_after_s, float(wait))
                if attempt == 1:
                    await self._pause(min(float(wait), _LONGEST_WAIT_S))
                    continue
                self.outcome.refused += 1
                return connection
            if status != 200:
                raise ValueError(f"{status}: {body[:300].decode(errors='replace')}")
            self._take(name, body, took_s, cached="x-adcraft-cache" in connection.headers)
            break
        return connection

    async def _connected(self) -> _Connection:
        for _ in (1, 2):
            try:
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(_Connection, HOST, self._port)
            except OSError:
                self.outcome.reconnects += 1
                await self._pause(0.1)
            else:
                return connection
        raise _UnreachedError

    def _take(self, name: str, body: bytes, took_s: float, *, cached: bool) -> None:
        answer = json.loads(body)
        version = answer["model"]["version"]
        text = answer["creative"].replace(name, "NAME").replace(BRAND, "BRAND")
        now = time.time()
        written = self.outcome.written.setdefault(f"{version} {text}", Written(version, text, first=now))
        written.count += 1
        written.last = now
        self.outcome.answered[200] += 1
        self.outcome.cached += cached
        self.outcome.latencies_ms.append(round(took_s * 1000, 2))
        if self.outcome.answered[200] == 1:
            print("answering", flush=True)

    def _name(self, number: int) -> str:
        """Distinct ones; some of every hundred from a few that come again and again."""
        if number % 100 < self._repeat_percent:
            return f"Running Shoes {number % _REPEATED}"
        return f"Running Shoes {self._first + number}"

    def _request(self, name: str) -> bytes:
        content = json.dumps({"product_name": name, "brand": BRAND}).encode()
        return (
            f"POST /predict HTTP/1.1\r\nHost: {HOST}:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        ).encode() + content

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)


class RunningLoad:
    """The load as a process, as a test sees it."""

    def __init__(self, port: int, *options: str) -> None:
        """Start it, and wait for its first answer."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving_load", "--port", str(port), *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        said = self._process.stdout.readline()
        assert said == "answering\n", said

    def end(self) -> Outcome:
        """Let it end by itself where it has a bound, else stop it; what came of it, printed."""
        out, _ = self._process.communicate(timeout=600)
        assert self._process.returncode == 0
        outcome = Outcome.read(out.splitlines()[-1])
        print(outcome, *outcome.failures, sep="\n  ")
        return outcome

    def kill(self) -> None:
        """Wherever it is."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def load(port: int, callers: int, *options: str) -> Iterator[list[Outcome]]:
    """Load as long as the block runs; afterwards its outcome is in the list."""
    running, outcomes = RunningLoad(port, f"--callers={callers}", *options), list[Outcome]()
    try:
        yield outcomes
        outcomes.append(running.end())
    finally:
        running.kill()


async def _send(parsed: argparse.Namespace) -> Outcome:
    load = _Load(parsed)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, load.stop)
    if parsed.seconds:
        loop.call_later(parsed.seconds, load.stop)
    elif not parsed.count:

        def end() -> None:
            if not sys.stdin.read(1):
                loop.remove_reader(sys.stdin)
                load.stop()

        loop.add_reader(sys.stdin, end)
    await load.run()
    return load.outcome


def main() -> None:
    """Send it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.serving_load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--count", type=int, default=0, help="of requests; 0: until standard input ends")
    parser.add_argument("--seconds", type=float, default=0, help="that it lasts; 0: as long as it takes")
    parser.add_argument("--first", type=int, default=1000, help="number of the first product")
    parser.add_argument("--repeat", type=int, default=0, help="percent of requests for a few products")
    parsed = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(vars(runner.run(_send(parsed))), default=vars), flush=True)


if __name__ == "__main__":
    main()
