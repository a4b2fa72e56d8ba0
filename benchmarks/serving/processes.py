"""A server as a tree of processes: started, found answering, its CPU time and memory read, ended."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from adcraft.errors import ClusterError
from benchmarks.serving.client import HOST
from cluster.leash import Leash

_START_S = 240.0
_LOG_LINES = 15
_REPLICA = re.compile(r"^ray::ServeReplica:(?:[^:]*:)?([A-Za-z_]\w*)")
_ACTOR = re.compile(r"^ray::([A-Za-z_]\w*)")
_MODULE = re.compile(r"(?:^|\s)-m\s+(?:[\w]+\.)*(\w+)")


@dataclass(frozen=True)
class Memory:
    """Of one process, in MiB: resident, and its share of it where pages are shared."""

    resident: float
    proportional: float


def role(name: str, command: str) -> str:
    """What a process is for: a replica by its deployment, an actor of Ray by its class, else a program.

    Args:
        name: of the program.
        command: its command line, which Ray's workers rewrite.
    """
    if found := _REPLICA.match(command):
        return found[1]
    if found := _ACTOR.match(command):
        return found[1]
    if found := _MODULE.search(command):
        return found[1]
    return name


class Server:
    """A command that answers HTTP on a port of this machine. A context manager: leaving it ends all of it."""

    def __init__(self, command: Sequence[str], port: int, log: Path, environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            command: program and arguments.
            port: that it was told to listen on.
            log: file for what it says.
            environment: all of it.
        """
        self.port = port
        self._log = log
        log.unlink(missing_ok=True)
        self.started = time.perf_counter()
        self._leash = Leash(command, environment=environment, log=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._leash.stop()

    def wait(self, path: str, body: str | None) -> float:
        """Ask until it answers 200; the seconds since the start.

        Raises:
            ClusterError: it ended, or does not answer.
        """
        return first_answer(self.port, path, body, self.started, self._check)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by role. A process that has ended counts no more."""
        seconds: dict[str, float] = defaultdict(float)
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seconds[_role_of(process)] += times.user + times.system
        return dict(seconds)

    def memory(self) -> dict[str, list[Memory]]:
        """Of each process, by role."""
        found: dict[str, list[Memory]] = defaultdict(list)
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                full = process.memory_full_info()
                found[_role_of(process)].append(Memory(full.rss / 2**20, full.pss / 2**20))
        return dict(found)

    def _processes(self) -> Iterator[Any]:
        yield from psutil.Process(self._leash.pid).children(recursive=True)

    def _check(self) -> None:
        if self._leash.poll() is not None:
            said = "\n".join(self._leash.output()[-_LOG_LINES:])
            raise ClusterError(f"The server ended by itself; the end of {self._log}:\n{said}")


def _role_of(process: Any) -> str:
    return role(process.name(), " ".join(process.cmdline()))


def first_answer(port: int, path: str, body: str | None, started: float, check: Any = lambda: None) -> float:
    """Ask until 200 comes; the seconds since ``started``.

    Args:
        port: of this machine.
        path: asked for.
        body: posted; None is a GET.
        started: by ``time.perf_counter``.
        check: called between the attempts; raises where there is nothing to wait for.

    Raises:
        ClusterError: none came.
    """
    request = urllib.request.Request(
        f"http://{HOST}:{port}{path}",
        data=body.encode() if body is not None else None,
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found = "nothing"
    while time.perf_counter() - started < _START_S:
        try:
            with opener.open(request, timeout=30):
                return time.perf_counter() - started
        except urllib.error.HTTPError as error:
            found = f"{error.code}: {error.read(300).decode(errors='replace')}"
        except OSError as error:
            found = str(error)
        check()
        time.sleep(0.05)
    raise ClusterError(f"{HOST}:{port}{path} did not answer 200 in {_START_S:.0f} s, but {found}.")
