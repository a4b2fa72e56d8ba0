"""The load's client, against a small server: what is sent, what is timed, what counts as a fault."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.serving.client import Load, Outcome, send

ROOT = Path(__file__).parents[3]
Answer = Callable[[str], Awaitable[bytes]]


class Shop:
    """A server that answers each body by ``answer``, and counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = self.now = self.most = 0
        self.asked: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.asked[body.decode()] += 1
                self.now += 1
                self.most = max(self.most, self.now)
                answer = await self.answer(body.decode())
                self.now -= 1
                writer.write(answer)
                if b"close" in answer:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    def send(self, bodies: list[str | None], callers: int = 1, **more: object) -> Outcome:
        async def run() -> Outcome:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            load = Load(port, "/predict", callers, bodies, **more)  # type: ignore[arg-type]
            async with server:
                return await send(load)

        return asyncio.run(run())


def http(status: int, body: str, head: str = "") -> bytes:
    content = body.encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{head}\r\n".encode() + content


async def echo(body: str) -> bytes:
    await asyncio.sleep(0.01)
    return http(200, json.dumps({"creative": f"Meet {body}."}))


def test_each_request_is_sent_once_and_its_text_stands_at_its_place() -> None:
    shop = Shop(echo)
    outcome = shop.send([f"{i}" for i in range(20)], callers=4, field="creative")
    assert outcome.texts == [f"Meet {i}." for i in range(20)]
    assert shop.asked == {f"{i}": 1 for i in range(20)}
    assert (shop.connections, shop.most) == (4, 4)
    assert len(outcome.latencies_ms) == 20
    assert min(outcome.latencies_ms) >= 10
    assert outcome.seconds >= 5 * 0.01
    assert outcome.per_second == 20 / outcome.seconds
    assert (outcome.failed, outcome.faults) == (0, [])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(429, "later"), "429: later"),
        (http(200, '{"creative": ""}'), "creative is ''"),
        (http(200, '{"creative": null}'), "creative is None"),
        (http(200, "{}"), "creative is None"),
        (http(200, "[]"), "creative is None"),
        (http(200, "not JSON"), "Expecting value"),
        (b"ADIEU\r\n\r\n", "no HTTP"),
    ],
)
def test_what_is_no_good_answer_is_a_fault_and_no_latency(answer: bytes, said: str) -> None:
    async def bad(body: str) -> bytes:
        return answer if body == "bad" else await echo(body)

    outcome = Shop(bad).send(["good", "bad", "fine"], field="creative")
    assert outcome.texts == ["Meet good.", "", "Meet fine."]
    assert (outcome.failed, len(outcome.latencies_ms)) == (1, 2)
    assert said in outcome.faults[0]


def test_a_connection_that_the_server_closes_is_opened_again() -> None:
    async def closing(body: str) -> bytes:
        return http(200, '{"creative": "x"}', "Connection: close\r\n")

    shop = Shop(closing)
    assert shop.send(["a", "b", "c"], field="creative").failed == 0
    assert shop.connections == 3

    async def silent(body: str) -> bytes:
        return b"close"

    outcome = Shop(silent).send(["a", "b"], field="creative")
    assert outcome.failed == 2


def test_an_answer_in_chunks_is_read_whole() -> None:
    async def chunked(body: str) -> bytes:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b'8\r\n{"creati\r\n9\r\nve": "x"}\r\n0\r\n\r\n'

    outcome = Shop(chunked).send(["a", "b"], field="creative")
    assert outcome.texts == ["x", "x"]


def test_a_get_has_no_body_and_is_checked_by_its_status() -> None:
    async def empty(body: str) -> bytes:
        return http(200, "")

    shop = Shop(empty)
    assert shop.send([None, None]).failed == 0
    assert shop.asked == {"": 2}


def test_nothing_is_sent_after_the_limit() -> None:
    shop = Shop(echo)
    outcome = shop.send([f"{i}" for i in range(10_000)], callers=2, field="creative", limit_s=0.05)
    assert 0 < len(outcome.latencies_ms) == shop.asked.total() < 10_000


def test_as_a_process_it_reads_a_load_and_writes_the_outcome() -> None:
    async def run() -> Outcome:
        server = await asyncio.start_server(Shop(echo).serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        load = json.dumps(asdict(Load(port, "/predict", 2, ["a", "b"], "creative")))
        async with server:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.serving.client",
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            out, _ = await process.communicate(load.encode())
        return Outcome(**json.loads(out))

    outcome = asyncio.run(run())
    assert outcome.texts == ["Meet a.", "Meet b."]
    assert outcome.cpu_s > 0
