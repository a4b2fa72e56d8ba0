"""Whether processes are there."""

from __future__ import annotations

import psutil


def is_up(process: psutil.Process) -> bool:
    """Whether it runs. It may end between two questions; a zombie has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
