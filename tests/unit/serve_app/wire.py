"""The application behind a real HTTP server, spoken to in bytes."""

from __future__ import annotations

import contextlib
import json
import logging
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from pathlib import Path
from typing import Any, Self

import uvicorn

from adcraft.settings import ServeSettings
from serve_app.http.access_log import open_access_log
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app

PATIENCE_S = 60.0
"""After which a test gives up on a server that hangs."""


@dataclass(frozen=True)
class Received:
    """An answer."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    def send(self, *pieces: bytes) -> None:
        """Send what the server takes; it may close before all was sent."""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self.socket.sendall(piece)

    def answered(self, within_s: float = 0) -> bool:
        """Whether there is something to read, by then."""
        return bool(select.select([self.socket], [], [], within_s)[0])

    def receive(self, method: str = "GET") -> Received:
        """The next answer; ``method`` is the request's."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        return Received(response.status, response.headers, response.read())

    def closed(self) -> bool:
        """Whether the server has closed the connection: waits for that, or for more from it."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class WireServer:
    """The application over fake generators on a free port of 127.0.0.1, as Serve runs it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.keys_file = folder / "keys.json"
        self.log_file = folder / "access.jsonl"
        self.generators = FakeGenerators()
        self.http = http_app(
            self.generators,
            keys=LiveKeys(self.keys_file),
            access_log=open_access_log(self.log_file),
            **{"max_body_bytes": ServeSettings().max_body_bytes, **settings},
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[WireServer]:
        """Serve meanwhile."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(
                self.http, lifespan="off", access_log=False, log_level=logging.WARNING, log_config=None
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = server.force_exit = True
            thread.join(PATIENCE_S)
            listening.close()

    def ask(self, *pieces: bytes) -> Received:
        """The answer to a request in bytes."""
        with Connection(self.port) as connection:
            connection.send(*pieces)
            return connection.receive(pieces[0].partition(b" ")[0].decode("ascii", "replace"))

    def log(self) -> list[dict[str, Any]]:
        """The access log."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def log_of(self, request_id: str) -> dict[str, Any]:
        """The line of a request, which may not be over yet."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for line in self.log():
                if line["request_id"] == request_id:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"{request_id} is not in the log")


def request(method: str, path: str | bytes, *headers: bytes, body: bytes | None = None) -> bytes:
    """A request of HTTP/1.1; a body has its length and is said to be JSON."""
    target = path if isinstance(path, bytes) else path.encode()
    lines = [method.encode() + b" " + target + b" HTTP/1.1", *headers]
    if not any(line.lower().startswith(b"host:") for line in headers):
        lines.insert(1, b"Host: 127.0.0.1")
    if body is not None:
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
