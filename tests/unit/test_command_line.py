"""The command line: exit codes that mean something, one line of JSON, ``--dry-run``, SIGTERM."""

from __future__ import annotations

import argparse
import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from adcraft import console, errors
from ray_jobs import command_line

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A stage called ``sample`` whose ``run`` a test replaces."""
    module = ModuleType("ray_jobs.sample")
    module.__doc__ = "A stage for tests."
    module.add_arguments = lambda parser: parser.add_argument("--rows", type=int, default=1)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray_jobs.sample", module)
    before = signal.getsignal(signal.SIGTERM)
    yield module
    signal.signal(signal.SIGTERM, before)


def raising(error: BaseException) -> Any:
    def run(settings: object, arguments: object) -> None:
        raise error

    return run


def last_line(text: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    return result


def test_success_is_zero_and_one_line_of_json(stage: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def run(settings: Any, arguments: argparse.Namespace) -> dict[str, Any]:
        return {"rows": arguments.rows, "name": settings.data.name, "path": Path("/é")}

    stage.run = run  # type: ignore[attr-defined]

    assert command_line.main(["sample", "--rows", "7", "--set", "data.name=shoes"]) == 0
    out = capsys.readouterr().out
    assert out == '{"stage": "sample", "ok": true, "rows": 7, "name": "shoes", "path": "/é"}\n'


@pytest.mark.parametrize(("kind", "code"), console.EXIT_CODES.items())
def test_each_kind_of_error_has_its_code(
    kind: type[errors.AdcraftError], code: int, stage: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.run = raising(kind("What was wrong."))  # type: ignore[attr-defined]

    assert command_line.main(["sample"]) == code

    captured = capsys.readouterr()
    assert captured.err.endswith("ray_jobs sample: What was wrong.\n")
    assert "Traceback" not in captured.err
    assert last_line(captured.out) == {
        "stage": "sample",
        "ok": False,
        "exit_code": code,
        "error": "What was wrong.",
    }


def test_codes_differ_and_the_help_names_each() -> None:
    codes = list(console.EXIT_CODES.values())
    assert len(set(codes)) == len(codes)
    for code in (*codes, 0, 1, console.INTERRUPTED):
        assert f"{code} " in console.EXIT_CODES_HELP


def test_the_help_of_a_subcommand_ends_with_the_codes_too() -> None:
    parser = console.Parser(prog="bake", description="Bread.\n\n    bake bread")
    bread = parser.add_subparsers().add_parser("bread", description="Bread.\n\n    bake bread --rye")
    for each in (parser, bread):
        assert each.format_help().endswith(console.EXIT_CODES_HELP)
        assert "\n\n    bake bread" in each.format_help()


def test_a_finer_error_has_its_parents_code() -> None:
    assert console.exit_code(errors.AliasError("x")) == console.EXIT_CODES[errors.TrackingError]


def test_every_error_survives_pickling() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(kinds) > 10
    for kind in kinds:
        copy = pickle.loads(pickle.dumps(kind("What.")))
        assert type(copy) is kind
        assert str(copy) == "What."


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (OSError(errno.ENOSPC, "No space"), 9), (OSError(errno.EDQUOT, "Quota"), 9)],
)
def test_interrupts_and_full_disks_are_explained(
    error: BaseException, code: int, stage: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.run = raising(error)  # type: ignore[attr-defined]
    assert command_line.main(["sample"]) == code
    assert last_line(capsys.readouterr().out)["exit_code"] == code


def test_a_fault_of_ours_shows_its_traceback(stage: ModuleType) -> None:
    stage.run = raising(ZeroDivisionError())  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        command_line.main(["sample"])


def test_sigterm_interrupts(stage: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def run(settings: object, arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    stage.run = run  # type: ignore[attr-defined]
    assert command_line.main(["sample"]) == 130
    assert last_line(capsys.readouterr().out)["ok"] is False


def test_a_dry_run_prints_the_resolved_settings_and_does_nothing(
    stage: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.run = raising(AssertionError("it ran"))  # type: ignore[attr-defined]

    assert command_line.main(["sample", "--dry-run", "--set", "home=/h", "--set", "train.seed=3"]) == 0

    settings = json.loads(capsys.readouterr().out)
    assert settings["train"]["seed"] == 3
    assert settings["data"]["root"] == "/h/data"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["sample", "--wrong"]])
def test_wrong_arguments_exit_with_2(arguments: list[str], stage: ModuleType) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    assert caught.value.code == 2


def test_a_wrong_setting_exits_with_2(stage: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["sample", "--set", "data.nam=x"]) == 2
    assert "Did you mean data.name?" in last_line(capsys.readouterr().out)["error"]


def test_the_process_exits_with_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ray_jobs", "prepare", "--set", "data.nam=x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert last_line(done.stdout)["ok"] is False
