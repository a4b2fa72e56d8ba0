"""The leash: whatever a command starts, and however it or its starter ends, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cluster.leash import Leash
from tests.processes import is_up

# A child in a session of its own, a daemon (double fork), a child that ignores SIGTERM.
SPREADING = """
import os, signal, subprocess, sys, time
subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
print("up", flush=True)
time.sleep(float(sys.argv[1]))
sys.exit(3)
"""


def command(seconds: float) -> list[str]:
    return [sys.executable, "-c", SPREADING, str(seconds)]


def until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def family(pid: int) -> list[psutil.Process]:
    """The leash's processes, when all are there: the command, its two children, the daemon."""
    until(lambda: len(psutil.Process(pid).children(recursive=True)) >= 4)
    return psutil.Process(pid).children(recursive=True)


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_up(process)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_stopping_ends_every_process(tmp_path: Path) -> None:
    with Leash(command(600), environment=os.environ, log=tmp_path / "log") as leash:
        started = family(leash.pid)
        until(lambda: leash.output() == ["up"])
        assert leash.poll() is None
    assert leash.poll() == 128 + signal.SIGTERM
    assert not running(started)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_a_command_that_ends_leaves_nothing_and_its_code_is_kept(tmp_path: Path) -> None:
    leash = Leash(command(1), environment=os.environ, log=tmp_path / "log")
    started = family(leash.pid)
    until(lambda: leash.poll() is not None)
    assert leash.poll() == 3
    assert not running(started)
    leash.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_nothing_outlives_a_starter_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from cluster.leash import Leash; "
        f"leash = Leash({command(600)!r}, environment=os.environ, log=Path({str(tmp_path / 'log')!r})); "
        "print(leash.pid, flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert starter.stdout
    leash = psutil.Process(int(starter.stdout.readline()))
    started = family(leash.pid)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until(lambda: not running([leash, *started]))


def test_a_command_that_takes_too_long_to_stop_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    leash = Leash([sys.executable, "-c", deaf], environment=os.environ, log=tmp_path / "log", grace_s=0.3)
    until(lambda: leash.output() == ["up"])
    begun = time.monotonic()
    leash.stop()
    assert time.monotonic() - begun < 5
    assert leash.poll() == 128 + signal.SIGKILL


def test_it_ends_however_often_polling_it_was_interrupted(tmp_path: Path) -> None:
    class InterruptionError(Exception):
        """What Ctrl-C is, but under this test's own name."""

    def interrupt(*_: object) -> None:
        raise InterruptionError

    def poll_until_interrupted() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0003)
        while True:
            leash.poll()

    leash = Leash(["sleep", "600"], environment=os.environ, log=tmp_path / "log")
    timed = signal.signal(signal.SIGPROF, interrupt)
    try:
        for _ in range(300):
            with pytest.raises(InterruptionError):
                poll_until_interrupted()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, timed)
        leash.stop()
    assert leash.poll() == 128 + signal.SIGTERM


def test_a_command_that_does_not_exist_says_so(tmp_path: Path) -> None:
    leash = Leash(["no-such-command"], environment=os.environ, log=tmp_path / "log")
    until(lambda: leash.poll() is not None)
    assert leash.poll() == 1
    assert "no-such-command" in leash.output()[-1]
    leash.stop()
