"""A training job that is killed as a whole, and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adcraft.tracking.connection import connect
from tests.jobs import train_arguments
from tests.prepared import write_prepared

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]

_EPOCHS = 4
_PATIENCE_S = 300


def _command(home: Path) -> list[str]:
    overrides = train_arguments(home, "ray.num_cpus=2", "data.name=products")
    overrides.append(f"train.max_epochs={_EPOCHS}")
    return [
        sys.executable,
        "-m",
        "ray_jobs",
        "train",
        *(part for override in overrides for part in ("--set", override)),
    ]


def _wait_for(words: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while words not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_job_goes_on_where_it_was(number: signal.Signals, tmp_path: Path) -> None:
    write_prepared(tmp_path / "data", rows=400)
    log = tmp_path / "first.log"
    marker = {"ADCRAFT_DRILL": str(tmp_path)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            _command(tmp_path), stdout=stream, stderr=stream, env={**os.environ, **marker}
        )
        _wait_for("epoch 2 done", log, process)
        process.send_signal(number)
        code = process.wait(timeout=120)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130), log.read_text(errors="replace")
    _assert_nothing_runs_with(marker)

    client = connect(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'adcraft'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == ("RUNNING" if number == signal.SIGKILL else "KILLED")

    again = subprocess.run(
        _command(tmp_path), capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout.splitlines()[-1])
    assert result["model_version"] == "1"
    assert result["aliases"] == ["champion"]
    assert "epoch 1 done" not in again.stderr, "it began again instead of going on"
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert sorted({int(m.value) for m in client.get_metric_history(run.info.run_id, "epoch")}) == list(
        range(1, _EPOCHS + 1)
    )


def _assert_nothing_runs_with(marker: dict[str, str]) -> None:
    """Ray's processes end with their driver; they are given a little time for it."""
    deadline = time.monotonic() + 60
    while left := [process for process in psutil.process_iter() if _has(process, marker)]:
        assert time.monotonic() < deadline, [process.cmdline() for process in left]
        time.sleep(0.5)


def _has(process: psutil.Process, marker: dict[str, str]) -> bool:
    try:
        environment = process.environ()
    except psutil.Error:
        return False
    return process.pid != os.getpid() and marker.items() <= environment.items()
