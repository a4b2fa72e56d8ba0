"""What ``make observe`` says before anything starts, and how it finds what runs."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from adcraft.errors import MonitoringError
from cluster import observe, prometheus_server
from cluster.dashboard_links import dashboard_links
from cluster.ports import free_port
from cluster.rays_here import running_rays
from dashboards.build import DISCOVERY


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def write_ray(parent: Path, name: str, *addresses: str) -> Path:
    folder = parent / f"adcraft-{name}"
    (folder / "ray").mkdir(parents=True)
    groups = [{"labels": {"job": "ray"}, "targets": list(addresses)}]
    (folder / "ray" / DISCOVERY).write_text(json.dumps(groups))
    return folder


def test_rays_that_run_are_found_by_who_answers(tmp_path: Path, listener: int) -> None:
    up = write_ray(tmp_path, "up", f"127.0.0.1:{free_port()}", f"127.0.0.1:{listener}")
    write_ray(tmp_path, "killed", f"127.0.0.1:{free_port()}")
    broken = write_ray(tmp_path, "half-written")
    (broken / "ray" / DISCOVERY).write_text('[{"labels"')
    (tmp_path / "adcraft-no-dashboard" / "ray").mkdir(parents=True)
    [found] = running_rays(tmp_path)
    assert (found.folder, found.discovery.parent) == (up, up / "ray")


class TestCommand:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
        for module in (prometheus_server, observe):
            monkeypatch.setattr(module, "program", lambda: "/bin/false")
        for name in ("GRAFANA_URL", "GRAFANA_TOKEN", "GRAFANA_TOKEN_FILE"):
            monkeypatch.delenv(name, raising=False)

    def said(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
    ) -> str:
        monkeypatch.setattr("sys.argv", ["observe", *arguments])
        code = observe.main()
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert code == line["exit_code"] != 0
        return str(line["error"])

    def test_no_application(self, capsys, monkeypatch) -> None:
        assert "Start 'make demo' or 'make cluster'" in self.said(capsys, monkeypatch)

    def test_another_ray_than_there_is(self, capsys, monkeypatch, tmp_path: Path, listener: int) -> None:
        up = write_ray(tmp_path, "up", f"127.0.0.1:{listener}")
        said = self.said(capsys, monkeypatch, "--ray", str(tmp_path / "adcraft-other"))
        assert "No Ray of this project runs in" in said
        assert str(up) in said

    def test_ports_that_are_taken(self, capsys, monkeypatch, tmp_path: Path, listener: int) -> None:
        write_ray(tmp_path, "up", f"127.0.0.1:{listener}")
        free = free_port()
        said = self.said(capsys, monkeypatch, "--page-port", str(listener), "--port", str(free))
        assert f"--page-port {listener + 1}" in said
        said = self.said(capsys, monkeypatch, "--port", str(listener), "--page-port", str(free))
        assert f"--port {listener + 1}" in said

    def test_grafana_that_is_down(self, capsys, monkeypatch, tmp_path: Path, listener: int) -> None:
        write_ray(tmp_path, "up", f"127.0.0.1:{listener}")
        monkeypatch.setenv("GRAFANA_URL", f"http://127.0.0.1:{free_port()}")
        assert "Grafana wants a token" in self.said(capsys, monkeypatch)
        monkeypatch.setenv("GRAFANA_TOKEN", "glsa_x")
        assert "can't be reached" in self.said(capsys, monkeypatch)

    def test_prometheus_that_does_not_start(self, capsys, monkeypatch, tmp_path: Path, listener: int) -> None:
        write_ray(tmp_path, "up", f"127.0.0.1:{listener}")
        ports = ("--port", str(free_port()), "--page-port", str(free_port()))
        assert "Prometheus did not start: it wrote nothing" in self.said(capsys, monkeypatch, *ports)


def test_prometheus_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(prometheus_server, "_DEBIAN", tmp_path / "prometheus")
    with pytest.raises(MonitoringError, match="On Debian 'make prometheus' does it"):
        prometheus_server.program()


def test_rays_dashboard_is_told_where_to_look_unless_somebody_has_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RAY_PROMETHEUS_HOST", "RAY_GRAFANA_HOST", "RAY_GRAFANA_IFRAME_HOST", "GRAFANA_URL"):
        monkeypatch.delenv(name, raising=False)
    assert dashboard_links() == {
        "RAY_PROMETHEUS_HOST": "http://127.0.0.1:9090",
        "RAY_GRAFANA_HOST": "http://127.0.0.1:3000",
        "RAY_GRAFANA_IFRAME_HOST": "http://127.0.0.1:3000",
    }
    monkeypatch.setenv("GRAFANA_URL", "https://grafana.example")
    monkeypatch.setenv("RAY_PROMETHEUS_HOST", "http://prometheus:9090")
    assert dashboard_links() == {
        "RAY_GRAFANA_HOST": "https://grafana.example",
        "RAY_GRAFANA_IFRAME_HOST": "https://grafana.example",
    }
