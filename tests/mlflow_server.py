"""A real MLflow server for tests."""

import os
import sys
import time
from pathlib import Path

import httpx

from adcraft.tracking.connection import connect
from cluster.leash import Leash
from cluster.ports import free_port


class Server:
    """A real MLflow server that can be ended and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        connect(f"sqlite:///{folder}/server.db")
        self.leash = self._start()

    def _start(self) -> Leash:
        command = [
            str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1",
            "--host", "127.0.0.1", "--port", str(self.port),
            "--backend-store-uri", f"sqlite:///{self.folder}/server.db",
            "--artifacts-destination", str(self.folder / "artifacts"),
        ]  # fmt: skip
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return Leash(command, environment=environment, log=self.folder / "server.log", grace_s=3)

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
