"""The dashboards as one page on this machine, drawn from Prometheus while somebody looks: no Grafana is
needed.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from adcraft.errors import MonitoringError
from dashboards.boards import ALL
from dashboards.model import Dashboard
from dashboards.picture import png
from dashboards.prometheus import Prometheus
from dashboards.readings import read

LOOPBACK = "127.0.0.1"
KEPT_S = 5.0
"""For so long, a picture is shown to everybody who asks for it."""
_MINUTES = range(1, 24 * 60 + 1)
_BOARDS = {board.name: board for board in ALL}
_NAMES = {LOOPBACK, "localhost"}


class LivePage(ThreadingHTTPServer):
    """Answers on 127.0.0.1 from when it is made until it is closed."""

    daemon_threads = True

    def __init__(self, port: int, prometheus: Prometheus, clock: Callable[[], float] = time.time) -> None:
        """Begin to answer.

        Args:
            port: 0 for a free one.
            prometheus: that is asked.
            clock: seconds since 1970.
        """
        self.prometheus = prometheus
        self._clock = clock
        self._drawing = threading.Lock()
        self._kept: dict[tuple[str, int], tuple[float, bytes]] = {}
        super().__init__((LOOPBACK, port), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.2,), daemon=True).start()

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def picture(self, board: Dashboard, minutes: int) -> bytes:
        """The dashboard over the last minutes, as PNG.

        Raises:
            MonitoringError: Prometheus does not answer.
        """
        key = (board.name, minutes)
        with self._drawing:  # one at a time: a picture takes all of a core for a second or two
            now = self._clock()
            drawn, content = self._kept.get(key, (0.0, b""))
            if not drawn <= now < drawn + KEPT_S:
                content = png(read(board, self.prometheus, now - 60 * minutes, now))
                self._kept = {
                    **{k: v for k, v in self._kept.items() if now - v[0] < KEPT_S},
                    key: (now, content),
                }
            return content

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: LivePage

    def do_GET(self) -> None:
        """The page, a picture, or the alerts."""
        asked = urllib.parse.urlsplit(self.path)
        # A page of another origin can have its own name mean this machine.
        if self.headers.get("Host", "").rpartition(":")[0] not in _NAMES:
            self._answer(421, "text/plain", b"Ask for 127.0.0.1 or localhost.")
            return
        try:
            if asked.path == "/":
                self._answer(200, "text/html; charset=utf-8", self._page().encode())
            elif asked.path == "/alerts.json":
                self._answer(200, "application/json", json.dumps(self.server.prometheus.alerts()).encode())
            elif asked.path.endswith(".png") and asked.path[1:-4] in _BOARDS:
                minutes = _minutes(asked.query)
                self._answer(200, "image/png", self.server.picture(_BOARDS[asked.path[1:-4]], minutes))
            else:
                self._answer(404, "text/plain", b"There is no such page.")
        except ValueError as error:
            self._answer(400, "text/plain", str(error).encode())
        except MonitoringError as error:
            self._answer(503, "text/plain; charset=utf-8", str(error).encode())

    def _page(self) -> str:
        page = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
        boards = json.dumps([(board.name, board.title) for board in ALL])
        return page.replace("BOARDS", boards, 1).replace("PROMETHEUS_URL", self.server.prometheus.url)

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Nothing: this is no log for anybody."""


def _minutes(query: str) -> int:
    said = urllib.parse.parse_qs(query).get("minutes", ["15"])[-1]
    if not said.isdecimal() or int(said) not in _MINUTES:
        raise ValueError(f"minutes is {said!r}, and must be from {_MINUTES.start} to {_MINUTES.stop - 1}.")
    return int(said)
