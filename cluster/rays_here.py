"""The Rays of this project that run on this machine, by the folders in which they stand."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from dashboards.build import DISCOVERY

_PATIENCE_S = 1.0


@dataclass(frozen=True)
class RunningRay:
    """A Ray that answers.

    Attributes:
        folder: that it was started with, and which is removed when it ends.
        discovery: the file in which it names the addresses of all its nodes' metrics.
        started: in seconds since 1970.
    """

    folder: Path
    discovery: Path
    started: float


def running_rays(parent: Path | None = None) -> list[RunningRay]:
    """Those of this user, started by ``make demo`` or ``make cluster``; the latest first.

    A folder that a killed one left behind names addresses at which nobody answers.

    Args:
        parent: of their folders; RAY_TMPDIR, or /tmp.
    """
    parent = parent or Path(os.environ.get("RAY_TMPDIR") or "/tmp")  # noqa: S108 - where Ray's folders are
    found = []
    for discovery in parent.glob(f"adcraft-*/ray/{DISCOVERY}"):
        folder = discovery.parents[1]
        with contextlib.suppress(OSError):  # it ends just now
            there = folder.stat()
            if there.st_uid == os.getuid() and _answers(discovery):
                found.append(RunningRay(folder, discovery, there.st_mtime))
    return sorted(found, key=lambda ray: ray.started, reverse=True)


def _answers(discovery: Path) -> bool:
    try:
        groups = json.loads(discovery.read_text(encoding="utf-8"))
        addresses = [address for group in groups for address in group["targets"]]
    except (ValueError, KeyError, TypeError):
        return False
    return any(_listens(address) for address in addresses)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except (OSError, ValueError):
        return False
    return True
