"""Bare uvicorn, with an ASGI application that does nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.serving.peers.arguments import peer_arguments, serve_by_uvicorn

_BODY = b'{"status":"ok"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def app(scope: dict[str, Any], receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answer every request likewise."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    serve_by_uvicorn(app, peer_arguments(__doc__).port)
