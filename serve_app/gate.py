"""The gate before the routes: request id, size and type of the body, and the last resort, 500."""

from __future__ import annotations

import logging
import re
import uuid

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.faults import ApiError, error_response, show

log = logging.getLogger("ray.serve")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class Gate:
    """ASGI middleware. Serve's proxy sends the request id back in ``X-Request-Id`` by itself."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent_id = headers.get("x-request-id")
        request_id = sent_id if sent_id and _REQUEST_ID.fullmatch(sent_id) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def noting_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            self._check(scope["method"], headers)
            await self._app(scope, self._counted(receive), noting_send)
        except ApiError as error:
            if not begun:
                await error_response(error, request_id)(scope, receive, send)
        except Exception:
            log.exception("request %s failed", request_id)
            if begun:
                raise
            fault = ApiError(500, "internal", "A fault in Adcraft itself; its log has more under this id.")
            await error_response(fault, request_id)(scope, receive, send)

    def _check(self, method: str, headers: Headers) -> None:
        sent_id = headers.get("x-request-id")
        if sent_id and not _REQUEST_ID.fullmatch(sent_id):
            raise ApiError(
                400,
                "invalid_request_id",
                f"X-Request-Id = {show(sent_id)} may have up to 128 letters, digits and ._:/+=@- only.",
            )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._max_body_bytes:
            raise self._too_large()
        if method != "POST":
            return
        content_type = headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            found = f"Content-Type is {show(content_type)}" if content_type else "There is no Content-Type"
            raise ApiError(415, "unsupported_media_type", f"{found}; send JSON as application/json.")

    def _counted(self, receive: Receive) -> Receive:
        """``receive`` that stops a body without a length when it grows too large."""
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise self._too_large()
            return message

        return counting

    def _too_large(self) -> ApiError:
        return ApiError(
            413,
            "body_too_large",
            f"The body is larger than {self._max_body_bytes:,} bytes (serve.max_body_bytes).",
        )
