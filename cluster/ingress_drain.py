"""HAProxy at its end: it takes in no more requests, and those that it has are answered. Serve kills it."""

from __future__ import annotations

import csv
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

_FRONTEND = "http_frontend"
_LOOK_S = 0.1
_ANSWER_S = 5.0


def drain_haproxy(timeout_s: float, environment: Mapping[str, str] = os.environ) -> int:
    """Close the port of a HAProxy on this machine that ``proxy_variables`` are for, and wait for the answers
    to what came in. Connections that are kept are closed with their next answer.

    Args:
        timeout_s: to wait at most.
        environment: with those variables; without them there is nothing to do.

    Returns:
        Requests that were not answered in time.
    """
    path = environment.get("RAY_SERVE_HAPROXY_SOCKET_PATH")
    sockets = list(Path(path).parent.glob(f"*/{Path(path).name}")) if path else []
    for each in sockets:
        _ask(each, f"shutdown frontend {_FRONTEND}")
    deadline = time.monotonic() + timeout_s
    while (left := sum(map(_requests, sockets))) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return left


def _requests(path: Path) -> int:
    """That wait for an ingress replica, or for its answer."""
    lines = _ask(path, "show stat").removeprefix("# ").splitlines()
    backends = [row for row in csv.DictReader(lines) if row["svname"] == "BACKEND"]
    return sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in backends)


def _ask(path: Path, command: str) -> str:
    """What HAProxy answers; nothing, where it has ended."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        try:
            connection.connect(str(path))
            connection.sendall(f"{command}\n".encode())
            pieces = []
            while piece := connection.recv(65_536):
                pieces.append(piece)
        except OSError:
            return ""
    return b"".join(pieces).decode("utf-8", "replace")
