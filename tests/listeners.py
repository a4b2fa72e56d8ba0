"""Who can reach what listens."""

from collections.abc import Iterable

import psutil

LOOPBACKS = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def addresses_listened_on(processes: Iterable[psutil.Process]) -> set[str]:
    """The addresses of all TCP ports that any of the processes has open."""
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
