"""Answers that were given before, kept by one ingress replica. The same request has the same answer as long
as the same models answer, so nothing is lost by it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from adcraft import metric_names as names
from serve_app.counting.meter import Meter
from serve_app.counting.observations import OK
from serve_app.http.access import Handler

CACHE_HEADER = "X-Adcraft-Cache"
_OF_THE_REQUEST = ("x-adcraft-model", "x-adcraft-sticky")
"""Headers that an answer depends on."""
_NOTED = ("items", "model_version", "texts")
"""What the access log wants to know of a request."""
_ENTRY_BYTES = 1000
"""About what an entry takes beside its body."""


@dataclass(frozen=True)
class _Kept:
    body: bytes
    content_type: str
    noted: dict[str, Any]

    @property
    def size(self) -> int:
        return len(self.body) + _ENTRY_BYTES


class AnswerCache:
    """The latest answers, up to a number of bytes; all are forgotten when the models change."""

    def __init__(self, most_bytes: int, serial: Callable[[], int], meter: Meter) -> None:
        """Empty.

        Args:
            most_bytes: of answers; 0: none is kept.
            serial: of the models that answer.
            meter: counts hits and misses.
        """
        self._most_bytes = most_bytes
        self._serial_now = serial
        self._meter = meter
        self._serial = serial()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0

    def around(self, handler: Handler) -> Handler:
        """The handler of a route, asked only for what is not kept. It says in the request's state whether its
        answer may be (``cacheable``). ``Cache-Control: no-cache`` has it asked in any case.
        """
        if not self._most_bytes:
            return handler

        async def answer(request: Request) -> Response:
            self._forget_others()
            try:
                key = _key(await request.body(), request)
            except ClientDisconnect:
                return await handler(request)  # says what it says to any half a body
            kept = self._kept.get(key)
            if kept and "no-cache" not in request.headers.get("cache-control", ""):
                self._kept.move_to_end(key)
                self._meter.observe(names.CACHE_LOOKUPS, outcome="hit")
                self._meter.observe(names.ITEMS, outcome=OK)
                for name, value in kept.noted.items():
                    setattr(request.state, name, value)
                return Response(kept.body, headers={CACHE_HEADER: "hit"}, media_type=kept.content_type)
            self._meter.observe(names.CACHE_LOOKUPS, outcome="miss")
            serial = self._serial
            response = await handler(request)
            self._forget_others()
            if getattr(request.state, "cacheable", False) and serial == self._serial:
                noted = {name: getattr(request.state, name, None) for name in _NOTED}
                self._keep(key, _Kept(bytes(response.body), response.headers["content-type"], noted))
            return response

        return answer

    def _keep(self, key: bytes, kept: _Kept) -> None:
        if key in self._kept:
            self._bytes -= self._kept.pop(key).size
        self._kept[key] = kept
        self._bytes += kept.size
        while self._bytes > self._most_bytes:
            self._bytes -= self._kept.popitem(last=False)[1].size

    def _forget_others(self) -> None:
        if (now := self._serial_now()) != self._serial:
            self._serial = now
            self._kept.clear()
            self._bytes = 0


def _key(body: bytes, request: Request) -> bytes:
    digest = hashlib.sha256(body)
    for name in _OF_THE_REQUEST:
        digest.update(b"\0" + request.headers.get(name, "").encode("utf-8", "replace"))
    return digest.digest()
