"""``make smoke``: the whole path at its smallest, and nothing left of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers"),
]

ROOT = Path(__file__).parents[2]
_WATCH = """
import ctypes, json, signal, subprocess, sys, threading, time
import psutil

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: whatever is left behind becomes our child
seen, interrupt_at, *command = sys.argv[1:]
demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
lines = []
for line in demo.stdout:
    lines.append(line)
    if seen and seen in line:
        time.sleep(float(interrupt_at))
        demo.send_signal(signal.SIGINT)
        seen = ""
code = demo.wait()
left = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
print(json.dumps({"code": code, "left": [p.cmdline() for p in left], "lines": lines}))
for process in left:
    process.kill()
"""


def watch(*arguments: str, interrupt: tuple[str, float] = ("", 0)) -> dict[str, object]:
    """Run the demo; perhaps interrupt it some seconds after a line; say what it left."""
    command = [sys.executable, "-m", "cluster.demo", *arguments]
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, interrupt[0], str(interrupt[1]), *command],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=280,
        check=True,
    )
    seen: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return seen


def output(seen: dict[str, object]) -> str:
    lines = seen["lines"]
    assert isinstance(lines, list)
    return "".join(lines)


@pytest.mark.parametrize("moment", [("ray:", 1.5), ("sample:", 3)], ids=["ray starts", "a job runs"])
def test_ctrl_c_leaves_no_process(moment: tuple[str, float], tmp_path: Path) -> None:
    seen = watch("--smoke", "--home", str(tmp_path), interrupt=moment)
    assert seen["code"] == 130, output(seen)
    assert seen["left"] == []


@pytest.mark.drill
@pytest.mark.timeout(1200)
def test_ctrl_c_at_any_moment_leaves_no_process_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """To the end of the whole path."""
    smoke = ["--smoke", "--home", str(tmp_path)]
    for moment in [("train:", 25), ("serve:", 6)]:
        seen = watch(*smoke, interrupt=moment)
        assert seen["code"] == 130, (moment, output(seen))
        assert seen["left"] == [], moment
    whole = watch(*smoke)
    assert whole["code"] == 0, output(whole)
    assert whole["left"] == []
    assert "was there already" in output(whole)
    result = json.loads(output(whole).splitlines()[-1])
    assert (result["ok"], result["products"]) == (True, 8)


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "cluster.demo", "--port", str(port), "--home", str(tmp_path / "home")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 10
    assert f"PORT={port + 1} make demo" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_feed_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cluster.demo", "--feed", str(tmp_path / "no.csv"), "--port", "8766"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "no.csv" in done.stderr
