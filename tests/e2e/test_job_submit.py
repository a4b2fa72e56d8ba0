"""Stages as a user submits them: ``ray job submit`` on a cluster that wants a token."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from cluster.local import LocalHead, local_head
from cluster.ports import free_port, free_ports
from tests.listeners import LOOPBACKS, addresses_listened_on

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's sockets")]

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))


@pytest.fixture(scope="module")
def head() -> Iterator[LocalHead]:
    with local_head(num_cpus=2) as head:
        yield head


def submit(head: LocalHead, *stage: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = (RAY, "job", "submit", "--working-dir", ".", "--", "python", "-m", "ray_jobs", *stage)
    return run_in_root(*command, **{**head.access, **environment})


def make_submit(head: LocalHead, stage: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = (f"STAGE={stage}", f"ARGS={shlex.join(arguments)}", f"VENV={sys.prefix}")
    return run_in_root("make", "submit", *settings, **head.access)


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


def test_the_head_listens_on_this_machine_alone_and_hides_its_token(head: LocalHead) -> None:
    processes = psutil.Process(head.leash.pid).children(recursive=True)
    assert addresses_listened_on(processes) <= LOOPBACKS
    assert head.token_file.stat().st_mode & 0o777 == 0o600
    assert head.token_file.parent.stat().st_mode & 0o777 == 0o700
    assert not any(head.token in argument for process in processes for argument in process.cmdline())


def test_stages_run_as_submitted_jobs(head: LocalHead, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    sampled = make_submit(head, "sample", "--rows", "200", "--output", str(feed))
    assert sampled.returncode == 0, sampled.stdout
    assert result(sampled)["rows"] == 200

    home = f"home={tmp_path}/home"
    settings = ("--config", "configs/smoke.yaml", "--set", f"data.source={feed}", "--set", home)
    prepared = submit(head, "prepare", *settings)
    assert prepared.returncode == 0, prepared.stdout
    rows = result(prepared)["rows"]
    assert isinstance(rows, dict)
    assert rows["in"] == 200 == rows["kept"] + rows["rejected"] + rows["duplicates"]
    assert (tmp_path / "home" / "data" / "products" / str(result(prepared)["version"])).is_dir()


def test_a_relative_output_folder_would_be_lost_so_the_job_fails(head: LocalHead) -> None:
    done = submit(head, "train", "--set", "home=out", "--dry-run")
    assert done.returncode != 0
    assert result(done)["exit_code"] == 2
    assert "absolute" in str(result(done)["error"])


def test_a_wrong_token_is_refused(head: LocalHead, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    done = submit(head, "sample", "--dry-run", "--output", "x.csv", RAY_AUTH_TOKEN_PATH=str(wrong))
    assert done.returncode != 0
    assert "oken" in done.stdout
    assert "Submitted" not in done.stdout
