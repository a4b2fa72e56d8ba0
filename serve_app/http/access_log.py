"""The access log: one line of JSON for each request, without keys, and without texts unless asked for."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adcraft.errors import StorageError
from adcraft.metric_names import OTHER
from serve_app.keys.key_file import TOKEN

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_PATH_CHARS = 200

MOST_TOLD_CHARS = 8000
"""A longer line is handed on without its texts."""


@dataclass(frozen=True)
class Answered:
    """A request that is over.

    Attributes:
        route: template of its path.
        method: as it was sent.
        status: None where the client had gone.
        seconds: that it took.
        line: of the access log.
    """

    route: str
    method: str
    status: int | None
    seconds: float
    line: str


class AccessLog:
    """ASGI middleware around all others: gives a request its id, and writes its line when it is over.

    What is inside says more in the request's state: ``key_id``, ``model_version``, ``items``, ``texts``.
    """

    def __init__(
        self,
        app: ASGIApp,
        lines: logging.Logger,
        *,
        texts: bool,
        told: Callable[[Answered], None] | None = None,
    ) -> None:
        """Build the middleware.

        Args:
            app: what is inside.
            lines: takes the lines.
            texts: whether a line has the texts.
            told: is told of each request when it is over.
        """
        self._app = app
        self._lines = lines
        self._texts = texts
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent_id = Headers(scope=scope).get("x-request-id")
        state = scope.setdefault("state", {})
        state["request_id"] = sent_id if sent_id and REQUEST_ID.fullmatch(sent_id) else uuid.uuid4().hex
        status, started = None, time.perf_counter()

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            took_s = time.perf_counter() - started
            entry = self._entry(scope["method"], scope["path"], state, status, took_s)
            line = _line(entry)
            self._lines.info(line)
            if self._told:
                if len(line) > MOST_TOLD_CHARS:
                    line = _line({**entry, "texts": None})
                self._told(Answered(_route(scope), scope["method"], status, took_s, line))

    def _entry(
        self, method: str, path: str, state: Mapping[str, Any], status: int | None, took_s: float
    ) -> dict[str, Any]:
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": state["request_id"],
            "key_id": state.get("key_id"),
            "method": method,
            "path": path[:_PATH_CHARS],
            "status": status,
            "ms": round(took_s * 1000, 1),
            "model_version": state.get("model_version"),
            "items": state.get("items"),
        }
        if self._texts:
            entry["texts"] = state.get("texts")
        return entry


def _line(entry: Mapping[str, Any]) -> str:
    # ASCII: no control character and no line end of a caller's stands in the file.
    return TOKEN.sub(r"adc_\g<id>_...", json.dumps(entry))


def _route(scope: Scope) -> str:
    """The template of a request's path, also of one that was refused before its route was looked for."""
    template = getattr(scope.get("route"), "path", None)
    if template:
        return str(template)
    known = scope["path"] in _templates(getattr(scope.get("app"), "routes", ()))
    return scope["path"] if known else OTHER


def _templates(routes: Iterable[object]) -> Iterator[str]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included:
            yield from _templates(included.routes)
        else:
            yield getattr(route, "path", "")


def open_access_log(path: Path | None) -> logging.Logger:
    """Lines to a file, which may be moved away while it is written; or to standard error.

    Raises:
        StorageError: it can't be written.
    """
    # Serve's in sys.stderr's place reads the stack for each line: a fifth of a cached answer's time.
    handler: logging.Handler = logging.StreamHandler(sys.__stderr__)
    if path:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = WatchedFileHandler(path, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"The access log {path} can't be written: {error}.") from error
    lines = logging.Logger("adcraft.access", logging.INFO)  # noqa: LOG001 - this application's alone
    lines.addHandler(handler)
    return lines
