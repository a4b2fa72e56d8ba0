"""The load of the drills, against a small server: where each request is counted."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

from cluster.ports import free_port
from tests.serving_load import Outcome

ROOT = Path(__file__).parents[2]


def http(status: int, body: str, head: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{head}\r\n{body}".encode()


def copy(name: str, version: str = "1") -> bytes:
    answer = {"model": {"version": version}, "creative": f"Meet {name} by Aera."}
    return http(200, json.dumps(answer), "X-Adcraft-Cache: hit\r\n" if version == "2" else "")


BUSY = http(429, "{}", "Retry-After: 1\r\n")


class Shop:
    """Answers the products after the first one as the script says, with ``None`` by leaving."""

    def __init__(self, *script: bytes | str | None) -> None:
        self.script = list(script)
        self.asked: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                name = json.loads(await reader.readexactly(length))["product_name"]
                self.asked[name] += 1
                first = len(self.asked) == 1
                answer = copy(name) if first or not self.script else self.script.pop(0)
                if answer is None:
                    break
                writer.write(copy(name, answer) if isinstance(answer, str) else answer)
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    async def ask(self, count: int) -> Outcome:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            return await load(server.sockets[0].getsockname()[1], f"--count={count}")


async def load(port: int, *options: str) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.serving_load", f"--port={port}", "--callers=1", *options,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return Outcome.read(out.decode().splitlines()[-1])


def test_every_request_is_accounted_for() -> None:
    began = time.time()
    shop = Shop("1", BUSY, "2", BUSY, BUSY, http(500, "broken"), http(503, "no"), None, b"nonsense\r\n\r\n")
    outcome = asyncio.run(shop.ask(9))
    assert (outcome.sent, outcome.answered, outcome.refused, outcome.failed) == (9, {200: 4}, 1, 3)
    assert (outcome.unreached, outcome.cached, outcome.refusals) == (1, 1, {429: 3})
    assert outcome.retry_after_s == 1
    assert len(outcome.latencies_ms) == 4
    words = ["500: broken", "503: no", "no HTTP"]
    assert all(word in failure for word, failure in zip(words, outcome.failures, strict=True))
    assert outcome.versions == {"1", "2"}
    assert outcome.of("1").count == 3
    assert outcome.of("2").text == "Meet NAME by BRAND."
    assert began < outcome.of("1").first < outcome.of("2").first < outcome.of("1").last < time.time()
    assert len(shop.asked) == 9, "products are distinct"


def test_a_server_that_is_not_there_is_not_reached() -> None:
    outcome = asyncio.run(load(free_port(), "--count=2"))
    assert (outcome.sent, outcome.unreached, outcome.reconnects) == (2, 2, 4)
    assert not outcome.answered


def test_some_products_come_again() -> None:
    async def ask() -> Counter[str]:
        shop = Shop()
        server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
        async with server:
            await load(server.sockets[0].getsockname()[1], "--count=400", "--repeat=20")
        return shop.asked

    asked = asyncio.run(ask())
    assert asked.total() == 400
    assert sum(count for count in asked.values() if count > 1) == 80


def test_a_kept_connection_that_is_closed_loses_what_was_asked_on_it() -> None:
    outcome = asyncio.run(Shop("1", None).ask(3))
    assert (outcome.sent, outcome.answered, outcome.failed, outcome.unreached) == (3, {200: 2}, 1, 0)
    assert "closed the connection" in outcome.failures[0]
