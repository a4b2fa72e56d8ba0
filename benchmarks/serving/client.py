"""The load: callers in a closed loop, each on one kept connection, each answer checked and timed.

    python -m benchmarks.serving.client < a Load as JSON > its Outcome as JSON

A process of its own, of little work for each request, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import httptools
import uvloop

HOST = "127.0.0.1"
_ANSWER_S = 300.0
_FAULTS = 5


@dataclass(frozen=True)
class Load:
    """What to send.

    Attributes:
        port: on this machine.
        path: of every request.
        callers: at a time.
        bodies: JSON to POST, one request each; None is a GET.
        field: of the JSON answer that holds the text; "": an answer is checked by its status alone.
        limit_s: no request is sent after that; 0: all are sent.
        cached: an answer that was given before will do.
    """

    port: int
    path: str
    callers: int
    bodies: Sequence[str | None]
    field: str = ""
    limit_s: float = 0.0
    cached: bool = False


@dataclass
class Outcome:
    """What came of a load.

    Attributes:
        seconds: from the first request sent to the last answer.
        latencies_ms: of each request that was answered well.
        texts: of each request; "" where none was asked for, or none came.
        faults: what was not answered by status 200 and a text, in words; the first of them.
        failed: how many those are.
        cpu_s: of the client's process, meanwhile.
    """

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    failed: int = 0
    cpu_s: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds


class _Connection(asyncio.Protocol):
    """One request at a time over HTTP/1.1."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            OSError: the connection was lost before the answer's end.
        """
        assert self._transport is not None
        self._body = []
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"what came is no HTTP: {error}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(ConnectionError(f"the server closed the connection: {exc or 'without an answer'}"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status, body = self._parser.get_status_code(), b"".join(self._body)
        if not self._parser.should_keep_alive():
            self.close()
        self._parser = httptools.HttpResponseParser(self)
        if self._answer and not self._answer.done():
            self._answer.set_result((status, body))

    def _fail(self, error: OSError) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)


async def send(load: Load) -> Outcome:
    """Send a load, after all connections are open. No request is sent twice."""
    outcome = Outcome(texts=[""] * len(load.bodies))
    queue = iter(enumerate(load.bodies))
    connections = [await _connect(load) for _ in range(load.callers)]
    started, cpu = time.perf_counter(), time.process_time()
    stop = started + load.limit_s if load.limit_s else float("inf")
    await asyncio.gather(*(_call(load, each, queue, outcome, stop) for each in connections))
    outcome.seconds = time.perf_counter() - started
    outcome.cpu_s = time.process_time() - cpu
    return outcome


async def _connect(load: Load) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, load.port)
    return connection


async def _call(
    load: Load,
    connection: _Connection,
    queue: Iterator[tuple[int, str | None]],
    outcome: Outcome,
    stop: float,
) -> None:
    """One caller: the next request as soon as the last one is answered."""
    for number, body in queue:
        started = time.perf_counter()
        if started > stop:
            break
        try:
            if not connection.is_open:
                connection = await _connect(load)
            status, answer = await asyncio.wait_for(connection.ask(_request(load, body)), _ANSWER_S)
            latency = time.perf_counter() - started
            outcome.texts[number] = _checked(load, status, answer)
        except (OSError, ValueError) as error:  # a timeout is an OSError
            connection.close()
            outcome.failed += 1
            if len(outcome.faults) < _FAULTS:
                outcome.faults.append(f"request {number}: {str(error) or type(error).__name__}")
        else:
            outcome.latencies_ms.append(latency * 1000)
    connection.close()


def _request(load: Load, body: str | None) -> bytes:
    host = f"Host: {HOST}:{load.port}\r\n"
    if body is None:
        return f"GET {load.path} HTTP/1.1\r\n{host}\r\n".encode()
    content = body.encode()
    head = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    if not load.cached:
        head += "Cache-Control: no-cache\r\n"
    return f"POST {load.path} HTTP/1.1\r\n{host}{head}\r\n".encode() + content


def _checked(load: Load, status: int, answer: bytes) -> str:
    """The text of an answer.

    Raises:
        ValueError: it is not 200, or has no text.
    """
    if status != 200:
        raise ValueError(f"{status}: {answer[:200].decode(errors='replace')}")
    if not load.field:
        return ""
    answered = json.loads(answer)
    text = answered.get(load.field) if isinstance(answered, dict) else None
    if not text or not isinstance(text, str):
        raise ValueError(f"the answer's {load.field} is {text!r}")
    return text


def main() -> None:
    """Read a load, send it, write the outcome."""
    load = Load(**json.load(sys.stdin))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(asdict(runner.run(send(load))), sys.stdout)


if __name__ == "__main__":
    main()
