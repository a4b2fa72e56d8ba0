"""What trains says that MLflow can't be reached before it starts a Ray: unit tests refuse to start one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.ports import free_port
from ray_jobs.command_line import main
from tests.sweeps import write_sweep
from tuning.command_line import main as tune


@pytest.mark.parametrize("stage", ["train", "distill", "pipeline"])
def test_a_stage(stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    assert main([stage, "--set", f"home={tmp_path}", "--set", f"tracking.uri={uri}"]) == 7
    result = json.loads(capsys.readouterr().out)
    assert result["error"].startswith(f"MLflow at {uri} can't be reached: ")


def test_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    assert tune(["sweep", "--config", str(write_sweep(tmp_path)), "--set", f"tracking.uri={uri}"]) == 7
    assert "can't be reached" in json.loads(capsys.readouterr().out)["error"]
