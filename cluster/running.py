"""The local cluster that runs now: by whom, and how it is reached; kept in a file until it has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pydantic

from adcraft.errors import ClusterError
from adcraft.settings import load_settings

_END_S = 90.0
_SAME_START_S = 1.0
"""Within which two readings of one process's start time lie."""


class Running(pydantic.BaseModel):
    """A running cluster.

    Attributes:
        pid: of the process that started it, and with which it ends.
        started: when that process did, in seconds since 1970; another one of the same pid has another time.
        nodes: beside the head.
        dashboard_url: for people.
        token_file: holds the token.
        access: the environment variables that a client needs.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    pid: int
    started: float
    nodes: int
    dashboard_url: str
    token_file: str
    access: dict[str, str]

    def is_up(self) -> bool:
        """Whether that very process is there."""
        started = _start_of(self.pid)
        return started is not None and abs(started - self.started) < _SAME_START_S


def state_file() -> Path:
    """Where it is kept: in ADCRAFT_HOME."""
    return Path(load_settings(None, []).home) / "cluster.json"


def find(file: Path) -> Running | None:
    """The cluster that runs; None if none does. A file that one left behind is removed.

    Raises:
        ClusterError: the file can't be read.
    """
    try:
        found = Running.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"{file} does not say which local cluster runs: {str(error).splitlines()[0]}. Remove the file; "
            "Ctrl-C ends the cluster where it was started."
        ) from error
    if found.is_up():
        return found
    file.unlink(missing_ok=True)
    return None


@contextlib.contextmanager
def noted(
    file: Path, nodes: int, dashboard_url: str, token_file: Path, access: Mapping[str, str]
) -> Iterator[None]:
    """Keep in the file, as long as the block runs, that this process runs that cluster."""
    pid = os.getpid()
    started = _start_of(pid)
    assert started is not None
    running = Running(
        pid=pid, started=started, nodes=nodes, dashboard_url=dashboard_url, token_file=str(token_file),
        access=dict(access),
    )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{pid}")
    aside.write_text(running.model_dump_json(indent=2), encoding="utf-8")
    aside.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def end(running: Running) -> None:
    """End it as Ctrl-C does, and return when its process has ended, and so all that it started.

    Raises:
        ClusterError: somebody else's, or it does not end.
    """
    deadline = time.monotonic() + _END_S
    try:
        if running.is_up():
            os.kill(running.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ClusterError(
            f"The local cluster of process {running.pid} is somebody else's, who can end it."
        ) from error
    while running.is_up():
        if time.monotonic() > deadline:
            raise ClusterError(
                f"Process {running.pid}, which runs the local cluster, is still there {_END_S:.0f} s after "
                f"SIGTERM. End it by: kill -KILL {running.pid}; no process of the cluster outlives it."
            )
        time.sleep(0.1)


def _start_of(pid: int) -> float | None:
    """When a process started; None if there is none, or it has ended and its parent does not know yet."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None
