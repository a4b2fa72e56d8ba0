"""The smoke test against the application itself, whole and with one thing wrong at a time."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from adcraft.errors import ClusterError
from cluster import smoke as command
from cluster.smoke import KEY_VARIABLE, smoke
from serve_app.counting.meter import Meter
from serve_app.http.access_log import open_access_log
from serve_app.keys.key_file import create_key
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import MODEL, FakeGenerators
from tests.unit.serve_app.http_app import http_app
from tests.unit.serve_app.test_state_routes import FakeControl

CHECKS = ["health", "ready", "refused without a key", "predict", "batch", "provenance", "metrics"]


class Server:
    """The application over fakes, of which one answer can be replaced."""

    def __init__(self, folder: Path, *, guarded: bool = True) -> None:
        self.generators = FakeGenerators()
        meter = Meter()
        self.generators.control = FakeControl(meter)
        file = folder / "keys.json"
        self.key = create_key(file, "smoke", ("predict",))[1] if guarded else ""
        self.http = http_app(
            self.generators,
            keys=LiveKeys(file),
            access_log=open_access_log(folder / "access.log"),
            meter=meter,
        )
        self.client = TestClient(self.http, base_url="http://localhost")
        self.waited: list[float] = []

    def run(self) -> list[str]:
        told: list[str] = []
        assert smoke(cast("httpx.Client", self.client), self.key, told.append, self.waited.append) == told
        return told

    def answer(self, path: str, status: int, body: Any) -> None:
        """From now on, at ``path``."""

        @self.http.middleware("http")
        async def replace(request: Request, go_on: Any) -> Response:
            if request.url.path != path:
                return await go_on(request)
            return Response(body, status) if isinstance(body, str) else JSONResponse(body, status)

    def fault(self) -> str:
        with pytest.raises(ClusterError) as raised:
            self.run()
        return str(raised.value)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_a_server_that_works_passes_every_check(server: Server) -> None:
    assert server.run() == CHECKS
    assert server.waited == []


def test_an_open_server_passes_without_a_key(tmp_path: Path) -> None:
    assert Server(tmp_path, guarded=False).run() == CHECKS


def test_a_server_that_lets_everybody_in_is_told(tmp_path: Path) -> None:
    server = Server(tmp_path, guarded=False)
    server.key = "adc_00000000_" + "0" * 64
    assert server.fault().startswith("refused without a key: /predict answers 200 without a key, and must")


def test_a_key_that_opens_nothing_is_told(server: Server) -> None:
    server.key = "adc_00000000_" + "0" * 64
    assert server.fault().startswith("predict: /predict answers 401: ")


def test_a_server_without_a_model_is_told(server: Server) -> None:
    server.answer(
        "/ready", 503, {"error": {"code": "unavailable", "message": "No model.", "request_id": "1"}}
    )
    assert server.fault().startswith("ready: /ready answers 503: ")


PROVENANCE = MODEL.model_dump()


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (
            "/ready",
            {"model": {**PROVENANCE, "dataset_version": ""}},
            "ready: /ready does not say the model's dataset_",
        ),
        ("/batch_predict", {"results": []}, "batch: /batch_predict must answer a copy and an error"),
        ("/models", {"models": []}, "provenance: A copy comes from version"),
        ("/metrics", "# nothing yet\n", "metrics: /metrics counts no adcraft_http_requests_total"),
    ],
)
def test_an_answer_that_is_wrong_is_told(path: str, body: Any, says: str, server: Server) -> None:
    server.answer(path, 200, body)
    assert server.fault().startswith(says)


def test_a_status_that_is_wrong_is_told(server: Server) -> None:
    server.answer("/health", 500, "no")
    assert server.fault() == "health: /health answers 500: no"


def test_metrics_are_waited_for(server: Server) -> None:
    server.answer("/metrics", 200, "# nothing yet\n")
    server.fault()
    assert server.waited == [1.0] * 10


def test_no_server(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr("sys.argv", ["smoke", url, "--open"])
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
        assert command.main() == 10
    shown = capsys.readouterr()
    assert "health: /health does not answer: ConnectError" in shown.err
    assert '"ok": false' in shown.out


@pytest.mark.parametrize(
    ("arguments", "key", "says"),
    [
        (["127.0.0.1:8000"], "k", "is no URL"),
        (["http://127.0.0.1:8000"], "", "is not set"),
        (["http://127.0.0.1:8000", "--open"], "k", "must not be set"),
    ],
)
def test_what_is_asked_for_must_make_sense(
    arguments: list[str],
    key: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a server was asked")

    monkeypatch.setattr(httpx, "Client", refuse)
    monkeypatch.setattr("sys.argv", ["smoke", *arguments])
    monkeypatch.setenv(KEY_VARIABLE, key)
    assert command.main() == 2
    assert says in capsys.readouterr().err
