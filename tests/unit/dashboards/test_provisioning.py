"""Provisioning against a server that answers as Grafana 10 and 13 do."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from adcraft.errors import MonitoringError
from cluster.ports import free_port
from dashboards.boards import ALL
from dashboards.grafana import Grafana
from dashboards.provision import main, provision
from tests.unit.dashboards.grafana_server import TOKEN, VIEWER, GrafanaServer

PROMETHEUS = "http://127.0.0.1:9090"
EVERYTHING = {"data source", "folder", *(board.name for board in ALL)}


@pytest.fixture(params=[10, 13], ids=["Grafana 10", "Grafana 13"])
def server(request: pytest.FixtureRequest) -> Iterator[GrafanaServer]:
    server = GrafanaServer(request.param)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def grafana(server: GrafanaServer) -> Grafana:
    return Grafana(server.url, TOKEN)


def test_all_of_it_is_there_and_a_second_run_changes_nothing(server: GrafanaServer, grafana: Grafana) -> None:
    grafana.check()
    assert provision(grafana, PROMETHEUS) == dict.fromkeys(EVERYTHING, "created")
    assert server.folders["adcraft"]["title"] == "Adcraft"
    assert server.sources["adcraft-prometheus"]["url"] == PROMETHEUS
    assert {f"adcraft-{board.name}" for board in ALL} == set(server.dashboards)
    for tree in server.dashboards.values():
        assert tree["templating"]["list"][0]["current"]["value"] == "adcraft-prometheus"
    server.writes.clear()
    assert provision(grafana, PROMETHEUS) == dict.fromkeys(EVERYTHING, "unchanged")
    assert not server.writes
    assert not server.by_number


def test_what_somebody_changed_is_put_right(server: GrafanaServer, grafana: Grafana) -> None:
    """Folder and data source by an answer that is empty."""
    provision(grafana, PROMETHEUS)
    server.folders["adcraft"]["title"] = "Ads"
    server.dashboards["adcraft-model"]["title"] = "Mine"
    server.meta["adcraft-training"]["folderUid"] = "elsewhere"
    changed = {"data source", "folder", "model", "training"}
    done = provision(grafana, "http://prometheus:9090")
    assert done == {name: "updated" if name in changed else "unchanged" for name in EVERYTHING}
    assert server.sources["adcraft-prometheus"]["url"] == "http://prometheus:9090"
    assert server.folders["adcraft"]["title"] == "Adcraft"
    assert set(provision(grafana, "http://prometheus:9090").values()) == {"unchanged"}


def test_who_saves_at_the_same_time_is_not_overruled(server: GrafanaServer, grafana: Grafana) -> None:
    provision(grafana, PROMETHEUS)
    server.dashboards["adcraft-model"]["title"] = "Mine"
    server.saved_meanwhile = True
    with pytest.raises(
        MonitoringError, match=r"did not save the dashboard Adcraft / Model.*Somebody changed it"
    ):
        provision(grafana, PROMETHEUS)
    assert server.dashboards["adcraft-model"]["title"] == "Mine"


def test_what_comes_from_files_is_left_to_them(server: GrafanaServer, grafana: Grafana) -> None:
    provision(grafana, PROMETHEUS)
    server.sources["adcraft-prometheus"]["readOnly"] = True
    server.meta["adcraft-model"]["provisioned"] = True
    server.dashboards["adcraft-model"]["title"] = "Older"
    done = provision(grafana, "http://elsewhere:9090")
    assert done["data source"] == done["model"] == "left to its file"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("glsa_wrong", "does not know the token. It is read from GRAFANA_TOKEN"),
        (VIEWER, "does not let it make the data source .* role Editor"),
        ("", "is empty"),
        ("two words", "characters that no token has"),
    ],
)
def test_wrong_token(server: GrafanaServer, token: str, words: str) -> None:
    with pytest.raises(MonitoringError, match=words):
        provision(Grafana(server.url, token), PROMETHEUS)
    assert not server.sources
    assert not server.dashboards


def test_a_name_that_is_taken(server: GrafanaServer, grafana: Grafana) -> None:
    server.sources["other"] = {"name": "Adcraft's Prometheus"}
    with pytest.raises(MonitoringError, match=r"same name already exists.*something else has its name"):
        provision(grafana, PROMETHEUS)


def test_a_wrong_path_of_the_address(server: GrafanaServer) -> None:
    with pytest.raises(MonitoringError, match=r"Check the path of the address"):
        Grafana(f"{server.url}/below", TOKEN).check()


def test_the_server_refuses_numbers_as_grafana_13_does(server: GrafanaServer, grafana: Grafana) -> None:
    """So that the tests above would notice a client that uses them."""
    from grafana_api.grafana_face import GrafanaFace

    face = GrafanaFace(TOKEN, host="127.0.0.1", port=server.server_port)
    provision(grafana, PROMETHEUS)
    if server.major == 10:
        face.datasource.get_datasource_by_id(7)
    else:
        with pytest.raises(Exception, match="404"):
            face.datasource.get_datasource_by_id(7)
    assert server.by_number


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>Log in</html>", "is no Grafana, or a login page before one: <html>Log in</html>"),
        (b'{"status": "ok"}', "is no Grafana"),
    ],
)
def test_something_else_answers(content: bytes, words: str) -> None:
    with Answering(200, content) as url, pytest.raises(MonitoringError, match=words):
        Grafana(url, TOKEN).check()


def test_an_error_page_with_the_word_message() -> None:
    """grafana-api takes it for JSON."""
    with (
        Answering(502, b"<p>The message could not be delivered</p>") as url,
        pytest.raises(MonitoringError, match="is no Grafana"),
    ):
        Grafana(url, TOKEN).check()


@pytest.mark.parametrize("url", ["grafana", "ftp://grafana", "http://", "http://admin:secret@grafana"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(MonitoringError, match="is no address of a Grafana"):
        Grafana(url, TOKEN)


class TestCommand:
    def test_token_from_a_file(
        self,
        server: GrafanaServer,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        monkeypatch.delenv("GRAFANA_TOKEN", raising=False)
        monkeypatch.setenv("GRAFANA_TOKEN_FILE", str(tmp_path / "token"))
        for changed in (EVERYTHING, set()):
            monkeypatch.setattr("sys.argv", ["provision", "--url", server.url])
            assert main() == 0
            out, err = capsys.readouterr()
            assert set(json.loads(out)["changed"]) == changed
        assert "Nothing had to be changed." in err
        assert TOKEN not in out + err

    @pytest.mark.parametrize(
        ("variables", "words"),
        [
            ({}, "Grafana wants a token"),
            ({"GRAFANA_TOKEN_FILE": "/nowhere"}, "names /nowhere, which can't be read"),
            ({"GRAFANA_TOKEN": TOKEN}, "can't be reached: .*Connection refused"),
        ],
    )
    def test_faults_are_a_sentence(
        self,
        variables: dict[str, str],
        words: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        for name in ("GRAFANA_TOKEN", "GRAFANA_TOKEN_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["provision", "--url", f"http://127.0.0.1:{free_port()}"])
        assert main() == 11
        assert re.search(words, json.loads(capsys.readouterr().out)["error"])


class Answering:
    """A server that answers everything the same."""

    def __init__(self, status: int, content: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
