"""A server that answers queries as Prometheus does, with the same waves for each."""

from __future__ import annotations

import json
import math
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class PrometheusServer(ThreadingHTTPServer):
    """On a free port of 127.0.0.1.

    Attributes:
        asked: query and its parameters, in the order in which they came.
        series: labels of what it answers.
        broken: a status to answer with instead.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.series: list[dict[str, str]] = [{"route": "/predict"}, {"route": "/info"}]
        self.broken = 0
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, parameters: dict[str, str]) -> Any:
        answers: dict[str, Callable[[], Any]] = {
            "/api/v1/query_range": lambda: self._matrix(parameters),
            "/api/v1/query": lambda: {
                "result": [{"metric": labels, "value": [1000.0, "3"]} for labels in self.series]
            },
            "/api/v1/targets": lambda: {
                "activeTargets": [{"scrapeUrl": "http://127.0.0.1:8080/metrics", "health": "up"}]
            },
            "/api/v1/rules": lambda: {
                "groups": [{"rules": [{"name": "AdcraftSlow", "state": "firing"}]}, {"rules": []}]
            },
            "/api/v1/label/__name__/values": lambda: ["up"],
        }
        return answers[path]()

    def _matrix(self, parameters: dict[str, str]) -> Any:
        self.asked.append(parameters)
        start, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
        times = [start + step * number for number in range(int((end - start) / step) + 1)]
        return {
            "result": [
                {
                    "metric": labels,
                    "values": [[t, "NaN" if t == start else str(2 + math.sin(t / 30))] for t in times],
                }
                for labels in self.series
            ]
        }


class _Handler(BaseHTTPRequestHandler):
    server: PrometheusServer

    def do_GET(self) -> None:
        asked = urllib.parse.urlsplit(self.path)
        if self.server.broken:
            status, tree = self.server.broken, {"status": "error", "error": "no such function"}
        else:
            data = self.server.answer(asked.path, dict(urllib.parse.parse_qsl(asked.query)))
            status, tree = 200, {"status": "success", "data": data}
        content = json.dumps(tree).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
