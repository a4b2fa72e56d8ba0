"""A PostgreSQL of its own for tests: Debian's programs, a new cluster, a free port of 127.0.0.1."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from cluster.leash import Leash
from cluster.ports import LOOPBACK, free_port

_USER = "adcraft"
_DATABASE = "postgres"


class Postgres:
    """A cluster in a temporary folder, with a generated password."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._password = secrets.token_urlsafe(16)
        self.port = free_port()
        # Not below pytest's folder, which only its owner may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="adcraft-postgres-", dir="/tmp"))
        self._initialise()
        self.leash = Leash(
            _as_nobody_special([
                str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port),
                "-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories=",
            ]),
            environment=_environment(),
            log=self.folder / "postgres.log",
            grace_s=5,
        )  # fmt: skip

    @property
    def uri(self) -> str:
        """With user and password."""
        return f"postgresql://{_USER}:{self._password}@{LOOPBACK}:{self.port}/{_DATABASE}"

    def wait(self) -> None:
        """Until it takes connections."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any("ready to accept connections" in line for line in self.leash.output()):
                socket.create_connection((LOOPBACK, self.port), timeout=10).close()
                return
            time.sleep(0.05)
        raise AssertionError("\n".join(self.leash.output()[-20:]))

    def stop(self) -> None:
        """And leave nothing."""
        self.leash.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self._password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_nobody_special())
            for path in (self.folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            _as_nobody_special([
                str(self._programs / "initdb"), "-D", str(self.folder / "data"), "-U", _USER,
                "-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "--no-locale", "--no-sync",
            ]),
            env=_environment(),
            cwd=self.folder,
            check=True,
            capture_output=True,
            timeout=60,
        )  # fmt: skip
        secret.unlink()


def _programs() -> Path:
    """The folder of the newest PostgreSQL's programs; without one the test is skipped, but not in CI."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    if debian:
        return debian[-1]
    if on_path:
        return Path(on_path).resolve().parent
    missing = "PostgreSQL is not installed; 'make postgres' does it on Debian"
    assert not os.environ.get("CI"), missing
    pytest.skip(missing)


def _as_nobody_special(command: list[str]) -> list[str]:
    """PostgreSQL refuses to be root."""
    if os.geteuid():
        return command
    return ["setpriv", f"--reuid={_nobody_special()}", "--regid=nogroup", "--clear-groups", "--", *command]


def _nobody_special() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
