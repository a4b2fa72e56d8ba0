"""An answer's head and body leave an ingress replica in one piece.

uvicorn writes the head at once, and the body after it. A replica that is killed between them has sent half an
answer, which HAProxy has passed on, so that it can't ask another replica. Kept together they are one write: a
caller gets all of an answer, or HAProxy asks elsewhere.
"""

from __future__ import annotations

import functools
from typing import Any

from starlette.middleware import Middleware


def answer_in_one_piece() -> None:
    """Call it in the ingress's constructor, which Serve runs before it opens the replica's HTTP port."""
    from ray.serve._private import replica

    internals: Any = replica  # neither Serve 2.60 nor uvicorn has a setting for it
    internals.start_asgi_http_server = functools.partial(_start, internals.start_asgi_http_server)


async def _start(start: Any, app: Any, options: Any, **arguments: Any) -> Any:
    outermost = [*options.middlewares, Middleware(InOnePiece)]  # Serve puts each around those before
    return await start(app, options.model_copy(update={"middlewares": outermost}), **arguments)


class InOnePiece:
    """An ASGI middleware, around all others, that has the head wait for the first part of the body."""

    def __init__(self, app: Any) -> None:
        """Around ``app``."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Of ASGI."""
        head: Any = None

        async def hold(message: Any) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                head = message
            elif head is None:
                await send(message)
            else:
                first, head = head, None
                await _together(send, first, message)

        await self._app(scope, receive, hold)


async def _together(send: Any, *messages: Any) -> None:
    """Send messages of one answer by a single write."""
    cycle = send.__self__  # uvicorn's, of one request; h11 and httptools alike
    transport, cycle.transport = cycle.transport, (held := _Held())
    try:
        for message in messages:
            await send(message)
    finally:
        cycle.transport = transport
        if held.parts:
            transport.write(b"".join(held.parts))
        if held.closed:
            transport.close()


class _Held:
    """What is written in the place of a transport."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed
