"""Free ports on this machine."""

from __future__ import annotations

import random
import socket
from itertools import chain

from adcraft.errors import ClusterError

LOOPBACK = "127.0.0.1"
WORKER_PORTS = range(10_002, 20_000)
"""What Ray gives its workers, and refuses for anything else."""
_RANGE = range(WORKER_PORTS.stop, 32_000)  # below what systems hand out


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nothing listens on ``port`` of ``host``, an address of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(*preferred: int) -> list[int]:
    """As many different free ports: each one preferred if it is free, else any; 0 prefers none.

    Raises:
        ClusterError: there are not enough.
    """
    found: list[int] = []
    candidates = iter(random.sample(_RANGE, len(_RANGE)))
    for wanted in preferred:
        own = [wanted] if wanted else []
        port = next((port for port in chain(own, candidates) if port not in found and is_free(port)), None)
        if port is None:
            raise ClusterError(f"No free port between {_RANGE.start} and {_RANGE.stop} on {LOOPBACK}.")
        found.append(port)
    return found


def free_port(preferred: int = 0) -> int:
    """One of :func:`free_ports`."""
    return free_ports(preferred)[0]
