"""A Redis of its own for tests: Debian's program, an empty folder, a password, 127.0.0.1 alone."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from pathlib import Path

import pytest

from cluster.leash import Leash
from cluster.ports import LOOPBACK


def redis_program() -> str:
    """Its path; without it the test is skipped, but not in CI."""
    found = shutil.which("redis-server")
    if not found:
        missing = "Redis is not installed; 'make redis' does it on Debian"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    return found


class RedisServer:
    """A server that keeps all it is told on disk, as that of the manifests does."""

    def __init__(self, folder: Path, port: int) -> None:
        """Start it, and wait until it takes connections."""
        self.password = secrets.token_hex(16)
        folder.mkdir()
        config = folder / "redis.conf"
        config.touch(mode=0o600)  # the command line is for all to read
        config.write_text(
            f"bind {LOOPBACK}\nport {port}\ndir {folder}\nappendonly yes\nrequirepass {self.password}\n"
        )
        command = [redis_program(), str(config)]
        self.leash = Leash(command, environment=os.environ, log=folder / "redis.log", grace_s=5)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((LOOPBACK, port), timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, self.leash.last_words()
                time.sleep(0.05)
