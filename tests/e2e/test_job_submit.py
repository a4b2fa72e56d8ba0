"""'make cluster', and stages as a user submits them to it: ``ray job submit``, with a token."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cluster.local import local_head
from cluster.ports import free_port, free_ports
from tests.listeners import LOOPBACKS, addresses_listened_on
from tests.processes import is_up

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's sockets")]

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
LOCAL = [sys.executable, "-m", "cluster.local"]
CPUS = 3
OWN_LABELS = ("outcome", "split", "state")


@dataclass
class Cluster:
    """One that ``python -m cluster.local`` runs, by what it printed.

    Attributes:
        process: that command.
        home: its ADCRAFT_HOME.
        access: what another terminal exports.
    """

    process: psutil.Process
    home: Path
    access: dict[str, str]

    @property
    def token_file(self) -> Path:
        return Path(self.access["RAY_AUTH_TOKEN_PATH"])

    def alive(self) -> list[dict[str, Any]]:
        """Its nodes, as the dashboard shows them."""
        answer = httpx.get(
            f"{self.access['RAY_API_SERVER_ADDRESS']}/api/v0/nodes?detail=1",
            headers={"Authorization": f"Bearer {self.token_file.read_text()}"},
            timeout=30,
            trust_env=False,
        )
        nodes = answer.raise_for_status().json()["data"]["result"]["result"]
        return [node for node in nodes if node["state"] == "ALIVE"]

    def series(self) -> dict[tuple[str, str], float]:
        """Ours that its nodes show to Prometheus, by name and the value of their own label, if any."""
        discovery = self.token_file.parent / "ray" / "prom_metrics_service_discovery.json"
        targets = [target for group in json.loads(discovery.read_text()) for target in group["targets"]]
        found = {}
        for target in targets:
            page = httpx.get(f"http://{target}/metrics", timeout=30, trust_env=False).text
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    if sample.name.startswith("ray_adcraft_"):
                        own = [sample.labels[label] for label in OWN_LABELS if label in sample.labels]
                        found[sample.name, "".join(own)] = sample.value
        return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("cluster")
    with subprocess.Popen(
        [*LOCAL, "--num-cpus", str(CPUS), "--dashboard-port", "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "ADCRAFT_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = []
            for line in process.stdout:
                said.append(line)
                if "Ctrl-C" in line:
                    break
            access = dict(re.findall(r"export (\w+)=(\S+)", "".join(said)))
            yield Cluster(psutil.Process(process.pid), home, access)
        finally:
            process.kill()


def submitted(*stage: str) -> list[str]:
    return [RAY, "job", "submit", "--working-dir", ".", "--", "python", "-m", "ray_jobs", *stage]


def submit(cluster: Cluster, *stage: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_in_root(*submitted(*stage), **{**cluster.access, **environment})


def make_submit(cluster: Cluster, stage: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = (f"STAGE={stage}", f"ARGS={shlex.join(arguments)}", f"VENV={sys.prefix}")
    return run_in_root("make", "submit", *settings, **cluster.access)


def run_in_root(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )


def result(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"stage"')]
    assert lines, done.stdout
    found: dict[str, object] = json.loads(lines[-1])
    return found


def test_a_port_taken_between_choice_and_start_costs_a_second_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        choices = [[free_port(), taken.getsockname()[1], free_port(), free_port()]]
        monkeypatch.setattr(
            "cluster.local.free_ports", lambda *wanted: choices.pop() if choices else free_ports(*wanted)
        )
        with local_head(num_cpus=1) as head:
            assert not choices
            assert head.leash.poll() is None


def test_a_dashboard_of_somebody_else_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"version": "4", "session_name": "session_of_another"}')

    other = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    choices = [[free_port(), free_port(), free_port(), other.server_port]]
    monkeypatch.setattr(
        "cluster.local.free_ports", lambda *wanted: choices.pop() if choices else free_ports(*wanted)
    )
    with local_head(num_cpus=1) as head:
        assert not choices
        assert not head.dashboard_url.endswith(f":{other.server_port}")
    other.shutdown()
    other.server_close()


def test_a_head_and_two_nodes_share_the_cpus_on_this_machine_alone(cluster: Cluster) -> None:
    nodes = cluster.alive()
    assert sorted(node["resources_total"].get("CPU", 0) for node in nodes) == [0, 1, 2]
    assert [node["is_head_node"] for node in nodes].count(True) == 1
    processes = cluster.process.children(recursive=True)
    assert addresses_listened_on(processes) <= LOOPBACKS
    token_file = cluster.token_file
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert token_file.parent.stat().st_mode & 0o777 == 0o700
    token = token_file.read_text()
    assert not any(token in argument for process in processes for argument in process.cmdline())


def test_stages_run_as_submitted_jobs_and_prometheus_hears_of_them(cluster: Cluster, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    sampled = make_submit(cluster, "sample", "--rows", "200", "--output", str(feed))
    assert sampled.returncode == 0, sampled.stdout
    assert result(sampled)["rows"] == 200

    home = f"home={tmp_path}/home"
    settings = ("--config", "configs/smoke.yaml", "--set", f"data.source={feed}", "--set", home)
    prepared = submit(cluster, "prepare", *settings)
    assert prepared.returncode == 0, prepared.stdout
    rows = result(prepared)["rows"]
    assert isinstance(rows, dict)
    assert rows["in"] == 200 == rows["kept"] + rows["rejected"] + rows["duplicates"]
    assert (tmp_path / "home" / "data" / "products" / str(result(prepared)["version"])).is_dir()

    trained = submit(cluster, "train", *settings, "--set", "train.max_epochs=1")
    assert trained.returncode == 0, trained.stdout
    # Counters stay. A process that ends says its gauges once more, and they are shown for 20 s.
    series = cluster.series()
    for outcome, count in (("kept", "kept"), ("rejected", "rejected"), ("duplicate", "duplicates")):
        assert series.get(("ray_adcraft_prepare_rows_total", outcome), 0) == rows[count]
    metrics = result(trained)["metrics"]
    assert isinstance(metrics, dict)
    assert series["ray_adcraft_training_epochs", ""] == 1
    assert series["ray_adcraft_training_steps", ""] == metrics["step"] > 0
    assert series["ray_adcraft_training_tokens_per_second", ""] > 0
    assert series["ray_adcraft_training_loss_nats", "train"] > 0
    loss = series["ray_adcraft_training_loss_nats", "validation"]
    assert loss == pytest.approx(metrics["validation_loss"], abs=1e-5)


def test_a_relative_output_folder_would_be_lost_so_the_job_fails(cluster: Cluster) -> None:
    done = submit(cluster, "train", "--set", "home=out", "--dry-run")
    assert done.returncode != 0
    assert result(done)["exit_code"] == 2
    assert "absolute" in str(result(done)["error"])


def test_a_wrong_token_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    done = submit(cluster, "sample", "--dry-run", "--output", "x.csv", RAY_AUTH_TOKEN_PATH=str(wrong))
    assert done.returncode != 0
    assert "oken" in done.stdout
    assert "Submitted" not in done.stdout


def test_another_terminal_ends_it_and_nothing_else(cluster: Cluster) -> None:
    """The last test here: the others need it."""
    environment = {"ADCRAFT_HOME": str(cluster.home)}
    again = run_in_root(*LOCAL, **environment)
    assert again.returncode == 10
    assert f"runs already: process {cluster.process.pid}" in again.stdout
    processes = [cluster.process, *cluster.process.children(recursive=True)]
    down = run_in_root(*LOCAL, "--down", **environment)
    assert down.returncode == 0, down.stdout
    assert f"Ended the local cluster of process {cluster.process.pid}" in down.stdout
    assert not [process.pid for process in processes if is_up(process)]
    assert not cluster.token_file.parent.exists()
    assert not list(cluster.home.iterdir())
