"""``python -m serve_app`` behind HAProxy: the same answers, nothing open, and nothing left of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from cluster.ports import free_port
from tests.listeners import LOOPBACKS, addresses_listened_on
from tests.processes import is_up
from tests.tiny_model import tiny_home

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SHOES = {"brand": "Nike", "product_name": "Running Shoes"}


@dataclass
class Server:
    """A server that answers.

    Attributes:
        client: for its address.
        process: of the command.
        folder: what its Ray keeps its files in.
        errors: its standard error.
    """

    client: httpx.Client
    process: psutil.Process
    folder: Path
    errors: Path

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Of this server, those with ``name`` in their command line."""
        everything = [self.process, *self.process.children(recursive=True)]
        return [process for process in everything if name in " ".join(process.cmdline())]

    def haproxy(self) -> list[psutil.Process]:
        """Its HAProxy, and those that it took over from and that end."""
        return [process for process in self.processes() if process.name() == "haproxy"]


@contextlib.contextmanager
def served(home: Path, logs: Path) -> Iterator[Server]:
    """The command, with HAProxy; interrupted at the end, which has to leave nothing."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
    ray_folder = Path(tempfile.mkdtemp(prefix="a", dir="/tmp"))  # Unix sockets have short paths
    settings = [f"serve.port={port}", "serve.proxy=haproxy", "ray.num_cpus=2"]
    errors = logs / f"{port}.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "serve_app", *(part for setting in settings for part in ("--set", setting))],
        cwd=ROOT,
        env={
            **kept,
            "ADCRAFT_HOME": str(home),
            "RAY_AUTH_MODE": "disabled",
            "RAY_TMPDIR": str(ray_folder),
            "PYTHONPATH": str(ROOT),
        },
        stdout=subprocess.PIPE,
        stderr=errors.open("w"),
        text=True,
    )
    with process, httpx.Client(trust_env=False, timeout=60) as client:
        try:
            assert process.stdout
            line = json.loads(process.stdout.readline() or "{}")
            assert line.get("ok") is True, errors.read_text()
            client.base_url = httpx.URL(line["url"])
            server = Server(client, psutil.Process(process.pid), ray_folder, errors)
            yield server
            started = server.processes()
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0, errors.read_text()
        finally:
            process.kill()
    _, left = psutil.wait_procs(started, timeout=10)
    assert not [p.cmdline() for p in left if is_up(p)]
    ray_folder.rmdir()  # it is empty again
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_home(tmp_path_factory)


@pytest.fixture(scope="module")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(home, tmp_path_factory.mktemp("logs")) as server:
        yield server


def test_haproxy_answers_and_says_so(server: Server) -> None:
    assert server.client.get("/health").status_code == 200
    answer = server.client.post("/predict", json=SHOES)
    assert answer.json()["creative"] == "Meet Running Shoes by Nike."
    assert len(server.haproxy()) >= 1
    assert "requests come in through HAProxy" in server.errors.read_text()


def test_an_ingress_answers_at_its_own_port(server: Server) -> None:
    """Where HAProxy sends requests. Serve's own proxy stands by, and hides an ingress that can't answer."""
    (ingress,) = server.processes("ServeReplica:adcraft:ingress")
    ports = {c.laddr.port for c in ingress.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    creatives = []
    for port in ports:  # others of them are Ray's, which speaks no HTTP
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.post(f"http://127.0.0.1:{port}/predict", json=SHOES, timeout=30, trust_env=False)
            creatives.append(answer.json()["creative"])
    assert creatives == ["Meet Running Shoes by Nike."]


@pytest.mark.parametrize(
    ("method", "path", "content", "content_type", "status", "code"),
    [
        ("GET", "/nowhere", b"", "application/json", 404, "not_found"),
        ("POST", "/predict", b"{}", "application/json", 422, "invalid_request"),
        ("POST", "/predict", b"x" * 20_000_000, "application/json", 413, "body_too_large"),
        ("POST", "/predict", b"x", "text/plain", 415, "unsupported_media_type"),
    ],
)
def test_errors_keep_their_shape_and_their_id(
    server: Server, method: str, path: str, content: bytes, content_type: str, status: int, code: str
) -> None:
    headers = {"X-Request-Id": f"mine-{status}", "Content-Type": content_type}
    answer = server.client.request(method, path, content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"] == f"mine-{status}"


def test_each_answer_has_one_id_and_a_wrong_one_is_refused(server: Server) -> None:
    ids = {tuple(server.client.get("/health").headers.get_list("X-Request-Id")) for _ in range(3)}
    assert len(ids) == 3
    assert all(len(given) == 1 for given in ids)
    answer = server.client.get("/health", headers={"X-Request-Id": "not one"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_id")


def test_nothing_listens_beyond_this_machine_or_opens_to_its_other_users(server: Server) -> None:
    assert addresses_listened_on(server.processes()) <= LOOPBACKS
    [private] = server.folder.iterdir()
    assert private.stat().st_mode & 0o777 == 0o700
    sockets = [path for path in private.glob("*/*") if path.is_socket()]
    assert {path.name for path in sockets} >= {"s"}
    [admin] = [path for path in sockets if path.name == "s"]
    assert admin.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /health HTTP/1.1\r\nHost:",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ],
)
def test_a_request_that_does_not_come_is_not_waited_for(server: Server, beginning: bytes) -> None:
    url = server.client.base_url
    with socket.create_connection((url.host, url.port), timeout=60) as slow:
        slow.sendall(beginning)
        answer = slow.recv(1000)
    assert answer.startswith(b"HTTP/1.1 408 ")
    if beginning.startswith(b"POST"):
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "timeout"


def test_a_second_ray_on_this_machine_has_its_own(server: Server, home: Path, tmp_path: Path) -> None:
    with served(home, tmp_path) as second:
        for each in (server, second):
            assert each.client.post("/predict", json=SHOES).status_code == 200
        assert {p.pid for p in server.haproxy()}.isdisjoint(p.pid for p in second.haproxy())
        assert addresses_listened_on(second.processes()) <= LOOPBACKS
    assert server.client.post("/predict", json=SHOES).status_code == 200


def test_no_request_is_lost_when_the_ingress_is_killed(server: Server) -> None:
    """Of 16 callers that ask all the time; those that were being answered are sent again."""
    killed, statuses = threading.Event(), Counter[int]()

    def caller() -> None:
        with httpx.Client(base_url=server.client.base_url, trust_env=False, timeout=60) as client:
            last = 0
            while last < 20:  # answers after the kill
                status = client.post("/predict", json=SHOES).status_code
                statuses[status] += 1
                last += killed.is_set()

    [ingress] = server.processes("ServeReplica:adcraft:ingress")
    with ThreadPoolExecutor(16) as pool:
        callers = [pool.submit(caller) for _ in range(16)]
        while sum(statuses.values()) < 100 and not any(each.done() for each in callers):
            time.sleep(0.1)
        ingress.kill()
        killed.set()
        for each in callers:
            each.result()
    assert set(statuses) == {200}
    assert not is_up(ingress)


def test_haproxy_that_ends_is_replaced(server: Server) -> None:
    for process in server.haproxy():
        process.kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if server.client.get("/health").status_code == 200:
                break
        time.sleep(0.2)
    assert server.client.get("/health").status_code == 200
