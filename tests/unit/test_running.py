"""Which local cluster runs, and that nothing else is ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from adcraft.errors import ClusterError
from cluster import local_command, running
from cluster.running import Running, end, find, noted, state_file
from tests.processes import is_up

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
Start = Callable[[str], psutil.Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Processes that stand for one that runs a cluster. They are no children of this one."""
    started: list[psutil.Process] = []

    def start(program: str) -> psutil.Process:
        shell = 'trap "" INT; "$@" & echo $!'
        command = ["sh", "-c", shell, "sh", sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            started.append(psutil.Process(int(process.stdout.readline())))
            assert process.stdout.readline() == "up\n"
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def write(file: Path, process: psutil.Process, **changes: Any) -> Running:
    found = Running(
        pid=process.pid,
        started=process.create_time(),
        nodes=2,
        dashboard_url="http://127.0.0.1:8265",
        token_file="/tmp/t/token",
        access={"RAY_ADDRESS": "127.0.0.1:20001"},
    ).model_copy(update=changes)
    file.write_text(found.model_dump_json())
    return found


def test_it_is_known_as_long_as_the_block_runs(tmp_path: Path) -> None:
    file = tmp_path / "home" / "cluster.json"
    with noted(file, 2, "http://127.0.0.1:8265", tmp_path / "token", {"RAY_AUTH_MODE": "token"}):
        found = find(file)
        assert found
        assert (found.pid, found.nodes, found.access) == (os.getpid(), 2, {"RAY_AUTH_MODE": "token"})
        assert "token_file" in json.loads(file.read_text())
        assert list(file.parent.iterdir()) == [file]
    assert find(file) is None
    assert not file.exists()


def test_the_one_that_is_named_is_ended_and_no_other(tmp_path: Path, start: Start) -> None:
    starter, other = start(SLEEPS), start(SLEEPS)
    found = write(tmp_path / "cluster.json", starter)
    assert find(tmp_path / "cluster.json") == found
    end(found)
    assert not is_up(starter)
    assert is_up(other)
    assert find(tmp_path / "cluster.json") is None
    end(found)  # it has ended already


def test_another_process_that_got_the_same_pid_is_left_alone(tmp_path: Path, start: Start) -> None:
    file, starter = tmp_path / "cluster.json", start(SLEEPS)
    found = write(file, starter, started=time.time() - 3600)
    end(found)
    assert is_up(starter)
    assert find(file) is None
    assert not file.exists(), "what a cluster left behind is removed"


def test_a_file_that_is_something_else_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "cluster.json"
    file.write_text('{"pid": 1}')
    with pytest.raises(ClusterError, match="does not say which local cluster runs"):
        find(file)
    assert file.exists()


def test_one_that_does_not_end_is_named(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_END_S", 0.2)
    deaf = start(DEAF)
    with pytest.raises(ClusterError, match=f"kill -KILL {deaf.pid}"):
        end(write(tmp_path / "cluster.json", deaf))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADCRAFT_HOME", str(tmp_path))
    assert state_file() == tmp_path / "cluster.json"
    return state_file()


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cluster.local", *arguments])
    return local_command.main()


@pytest.mark.parametrize("option", ["--down", "--show"])
def test_where_none_runs_that_is_said(
    file: Path, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, option) == 10
    assert f"No local cluster of yours runs ({file} names none)" in capsys.readouterr().err


def test_it_is_shown_again_and_ended_from_another_terminal(
    file: Path, start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    starter = start(SLEEPS)
    write(file, starter)
    assert command(monkeypatch, "--show") == 0
    assert "  export RAY_ADDRESS=127.0.0.1:20001\n" in capsys.readouterr().out
    assert command(monkeypatch) == 10, "a second one is not started"
    assert f"runs already: process {starter.pid}" in capsys.readouterr().err
    assert is_up(starter)
    assert command(monkeypatch, "--down") == 0
    assert f"Ended the local cluster of process {starter.pid}" in capsys.readouterr().out
    assert not is_up(starter)
