"""A real MLflow server for tests."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from adcraft.tracking.connection import connect
from cluster.leash import Leash
from cluster.ports import free_port


class Server:
    """A real MLflow server that can be ended and started again on the same port."""

    def __init__(
        self,
        folder: Path,
        database: str = "",
        artifacts: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            folder: of its log, and of what has no other place.
            database: where the runs are; "" for an SQLite file in ``folder``.
            artifacts: options that say where files go; none for a folder in ``folder``.
            environment: beside this process's own.
        """
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        if not database:
            database = f"sqlite:///{folder}/server.db"
            connect(database)
        self._artifacts = artifacts or ("--artifacts-destination", str(folder / "artifacts"))
        self._environment = {
            **os.environ,
            **(environment or {}),
            "MLFLOW_BACKEND_STORE_URI": database,  # not in the command line: all can read that
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self.leash = self._start()

    def _start(self) -> Leash:
        command = [
            str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1",
            "--host", "127.0.0.1", "--port", str(self.port), *self._artifacts,
        ]  # fmt: skip
        return Leash(command, environment=self._environment, log=self.folder / "server.log", grace_s=3)

    def wait(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.uri}/health", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("\n".join(self.leash.output()[-20:]))

    def restart(self) -> None:
        self.leash = self._start()
        self.wait()
