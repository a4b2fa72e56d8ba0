"""Free ports on this machine."""

from __future__ import annotations

import random
import socket

from adcraft.errors import ClusterError

LOOPBACK = "127.0.0.1"
# Above the ports that Ray gives its workers (10002-19999), below those that systems hand out.
_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether nothing listens on ``port`` here."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0) -> int:
    """``preferred`` if it is free, else one that is.

    Raises:
        ClusterError: none was found.
    """
    for port in (*([preferred] if preferred else []), *random.sample(_RANGE, 200)):
        if is_free(port):
            return port
    raise ClusterError(f"No free port between {_RANGE.start} and {_RANGE.stop} on {LOOPBACK}.")
