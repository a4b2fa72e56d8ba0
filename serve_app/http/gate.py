"""The gate before the routes: host, request id, size and pace of what is sent; and the last resort, 500."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adcraft.settings import ServeSettings
from serve_app.http.access_log import REQUEST_ID
from serve_app.http.faults import ApiError, error_response, show
from serve_app.keys.live_keys import LiveKeys

log = logging.getLogger("ray.serve")

MAX_HEADER_BYTES = 65_536
_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{0,5})?")


class Gate:
    """ASGI middleware. Serve's proxy sends the request id back in ``X-Request-Id`` by itself."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, keys: LiveKeys) -> None:
        self._app = app
        self._max_body_bytes = settings.max_body_bytes
        self._body_timeout_s = settings.body_timeout_s
        self._hosts = frozenset({"localhost", *(host.lower() for host in settings.allowed_hosts)})
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["state"]["request_id"]
        begun = False

        async def noting_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            self._check(Headers(scope=scope))
            await self._app(scope, self._bounded(receive), noting_send)
        except ApiError as error:
            if not begun:
                await error_response(error, request_id)(scope, receive, send)
        except Exception:
            log.exception("request %s failed", request_id)
            if begun:
                raise
            fault = ApiError(500, "internal", "A fault in Adcraft itself; its log has more under this id.")
            await error_response(fault, request_id)(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADER_BYTES:
            raise ApiError(
                431, "headers_too_large", f"The headers are larger than {MAX_HEADER_BYTES:,} bytes."
            )
        sent_id = headers.get("x-request-id")
        if sent_id and not REQUEST_ID.fullmatch(sent_id):
            raise ApiError(
                400,
                "invalid_request_id",
                f"X-Request-Id = {show(sent_id)} may have up to 128 letters, digits and ._:/+=@- only.",
            )
        if not self._keys.needed():
            self._check_host(headers.getlist("host"))
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._max_body_bytes:
            raise self._too_large()

    def _check_host(self, hosts: list[str]) -> None:
        """Where no key guards the server, keep out a page whose own name was made to mean this machine.

        To the browser such a page and the server are one origin. It can't leave its name out of ``Host``.
        """
        for host in hosts:
            if not _answers_for(host, self._hosts):
                raise ApiError(
                    421,
                    "host_refused",
                    f"Host = {show(host)} is neither an IP address nor localhost, and without API keys no "
                    "other is answered. Name it in serve.allowed_hosts, or create a key.",
                )

    def _bounded(self, receive: Receive) -> Receive:
        """``receive`` that gives up a body that grows too large, or does not come to its end in time."""
        received, deadline, whole = 0, 0.0, False

        async def bounded() -> Message:
            nonlocal received, deadline, whole
            if whole:  # what comes now is that the client went, whenever that is
                return await receive()
            now = asyncio.get_running_loop().time()
            deadline = deadline or now + self._body_timeout_s
            if now > deadline:  # a timeout does not end a receive that never has to wait
                raise self._too_slow()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise self._too_slow() from error
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise self._too_large()
            return message

        return bounded

    def _too_large(self) -> ApiError:
        return ApiError(
            413,
            "body_too_large",
            f"The body is larger than {self._max_body_bytes:,} bytes (serve.max_body_bytes).",
        )

    def _too_slow(self) -> ApiError:
        return ApiError(
            408,
            "body_too_slow",
            f"The body was not whole after {self._body_timeout_s:g} s (serve.body_timeout_s).",
            {"Connection": "close"},
        )


@functools.lru_cache(maxsize=256)
def _answers_for(host: str, names: frozenset[str]) -> bool:
    """Whether a ``Host`` is an IP address or one of the names, with a port or without."""
    form = _HOST.fullmatch(host.lower())
    if form is None:
        return False
    if form["name"] in names:
        return True
    try:
        ipaddress.ip_address(form["address"] or form["name"])
    except ValueError:
        return False
    return True
