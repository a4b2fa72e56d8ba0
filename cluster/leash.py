"""A command on a leash: when it ends, or whoever started it does, none of its processes is left.

Ray, MLflow and Ray Serve start dozens of processes; some detach, some rename themselves, and some
outlive their parent for a while. So between a starter and its command stands one small process,
``python -m cluster.leash``, that adopts whatever the command leaves behind (``PR_SET_CHILD_SUBREAPER``
of Linux) and can therefore name exactly what there is to end. Its standard input is a pipe from the
starter: when the starter goes, by whatever signal, the pipe closes and the leash is pulled.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

ROOT = Path(__file__).resolve().parents[1]
"""The project: where ``python -m ...`` finds its modules."""

_PR_SET_CHILD_SUBREAPER = 36
_KILL_S = 10
_LOST = 1


class Leash:
    """A running command, with every process that it started. A context manager: leaving it ends them."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, grace_s: float = 8
    ) -> None:
        """Start ``command`` in the project's folder, in a session of its own (Ctrl-C does not reach it).

        Args:
            command: program and arguments.
            environment: all of its environment.
            log: file that its standard output and error are added to.
            grace_s: how long it may take to end by itself after SIGTERM.
        """
        self.log = log
        self._grace_s = grace_s
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cluster.leash", "--grace", str(grace_s), "--", *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of the leash itself."""
        return self._process.pid

    def poll(self) -> int | None:
        """The command's exit code, or None while it or anything that it started is there."""
        # Not by Popen.poll: a Ctrl-C that lands inside it leaves its lock taken, and Popen.wait then waits
        # for ever. This may be broken off anywhere; the code is lost where that happens after waitpid.
        if self._process.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._process.returncode = _LOST
            else:
                self._process.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self._process.returncode

    def output(self) -> list[str]:
        """The lines written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def last_words(self) -> str:
        """The last lines written, for a sentence."""
        return " / ".join(self.output()[-3:]) or "it wrote nothing"

    def pull(self) -> None:
        """Begin to end the command and all its processes; ``stop`` waits for that."""
        if self._process.stdin:
            self._process.stdin.close()

    def stop(self) -> None:
        """End the command and all its processes, and return when they are gone."""
        self.pull()
        deadline = time.monotonic() + self._grace_s + _KILL_S + 5
        while self.poll() is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()


class _PulledError(BaseException):
    """The leash was pulled."""


def main() -> int:
    """Run the command; return its exit code when it and all that it started are gone."""
    parser = argparse.ArgumentParser(prog="python -m cluster.leash", description=__doc__)
    parser.add_argument("--grace", type=float, default=8, metavar="SECONDS")
    parser.add_argument("command", nargs="+")
    parsed = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in signals:
        signal.signal(number, _pull)
    child, code = _spawn(parsed.command), None
    try:
        threading.Thread(target=_watch_starter, daemon=True).start()
        while code is None:
            code = _reap(child, 0)
    except _PulledError:
        code = _end_child(child, parsed.grace)
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        _end_the_rest()
    return code if code >= 0 else 128 - code


def _pull(number: int, frame: FrameType | None) -> NoReturn:
    raise _PulledError


def _watch_starter() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _spawn(command: list[str]) -> int:
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    return os.posix_spawnp(
        command[0], command, os.environ, file_actions=[nothing], setsigdef=[signal.SIGPIPE]
    )


def _reap(child: int, options: int) -> int | None:
    """Bury one process that has ended (an adopted one, too); the exit code if it is ``child``."""
    pid, status = os.waitpid(-1, options)
    return os.waitstatus_to_exitcode(status) if pid == child else None


def _end_child(child: int, grace_s: float) -> int:
    """SIGTERM, a while to go in order, SIGKILL; the exit code."""
    os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (code := _reap(child, os.WNOHANG)) is None:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return -signal.SIGKILL
        time.sleep(0.02)
    return code


def _end_the_rest() -> None:
    """SIGKILL to all that is left, again and again: what is ending may still be starting others."""
    import psutil

    deadline = time.monotonic() + _KILL_S
    left: list[Any]
    while (left := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
