"""Nothing of an answer is on its way before its body is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from ray.serve._private.http_util import start_asgi_http_server
from ray.serve.config import HTTPOptions

from cluster.ports import free_port
from serve_app import whole_answers


@asynccontextmanager
async def connection(app: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """To an application that runs as Serve runs an ingress replica's."""
    options = HTTPOptions(host="127.0.0.1", port=free_port())
    loop = asyncio.get_running_loop()
    running, server = await whole_answers._start(start_asgi_http_server, app, options, event_loop=loop)
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", options.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await running


def request(method: str = "GET", more: str = "") -> bytes:
    return f"{method} / HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()


def test_the_head_waits_for_the_body_and_the_rest_streams() -> None:
    async def scenario() -> None:
        begun, go_on, rest = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            begun.set()
            await go_on.wait()
            await send({"type": "http.response.body", "body": b"part,", "more_body": True})
            await rest.wait()
            await send({"type": "http.response.body", "body": b"rest"})

        async with connection(app) as (reader, writer):
            writer.write(request())
            await begun.wait()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.2)
            go_on.set()
            first = await reader.read(65536)
            assert first.startswith(b"HTTP/1.1 200 OK\r\n")
            assert first.endswith(b"\r\n\r\npart,")
            rest.set()
            assert await reader.read(65536) == b"rest"

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_connections_are_kept_and_closed_as_ever() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async def scenario() -> None:
        async with connection(app) as (reader, writer):
            writer.write(request() + request("HEAD") + request(more="Connection: close\r\n"))
            answers = (await reader.read(-1)).split(b"HTTP/1.1 200 OK\r\n")[1:]
            assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [b"ok", b"", b"ok"]

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_application_that_fails_before_its_body_answers_500() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("no body")

    async def scenario() -> None:
        async with connection(app) as (reader, writer):
            writer.write(request())
            assert (await reader.read(-1)).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")

    asyncio.run(asyncio.wait_for(scenario(), 60))
