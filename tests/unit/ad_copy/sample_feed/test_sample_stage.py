"""``python -m ray_jobs sample``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ray_jobs.command_line import main


def last_line(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "feed.jsonl"
    assert main(["sample", "--rows", "30", "--seed", "2", "--output", str(path)]) == 0
    result = last_line(capsys)
    assert result == {
        "stage": "sample",
        "ok": True,
        "path": str(path),
        "rows": 30,
        "bytes": path.stat().st_size,
        "sha256": result["sha256"],
    }
    assert len(path.read_text("utf-8").splitlines()) == 30


def test_dirty(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "feed.csv"
    assert main(["sample", "--rows", "500", "--output", str(path), "--dirty"]) == 0
    result = last_line(capsys)
    assert result["ok"]
    assert 30 < sum(result["damage"].values()) < 90


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--rows", "0", "--output", "feed.csv"], 2, "1 or more"),
        (["--seed", "-3", "--output", "feed.csv"], 2, "0 or more"),
        (["--output", "feed.txt"], 2, ".csv, .jsonl, .parquet"),
    ],
)
def test_errors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", *arguments]) == code
    result = last_line(capsys)
    assert (result["ok"], result["exit_code"]) == (False, code)
    assert message in result["error"]
    assert list(tmp_path.iterdir()) == []


def test_heavy_libraries_stay_out():
    code = (
        "import sys, ray_jobs.sample; "
        "print(sorted({'ray', 'torch', 'mlflow', 'pyarrow', 'pandas', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
