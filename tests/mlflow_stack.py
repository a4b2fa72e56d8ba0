"""MLflow as a team has it: a server over PostgreSQL, with its files in S3."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.mlflow_server import Server
from tests.object_store import BUCKET, ObjectStore
from tests.postgres import Postgres

THROUGH_THE_SERVER = ("--artifacts-destination", f"s3://{BUCKET}/runs")
BY_THE_CLIENT = ("--default-artifact-root", f"s3://{BUCKET}/runs", "--no-serve-artifacts")


class Stack:
    """PostgreSQL, S3 and MLflow's server on free ports of 127.0.0.1; a context manager that ends them."""

    def __init__(self, folder: Path, artifacts: tuple[str, ...] = THROUGH_THE_SERVER) -> None:
        self._folder, self._artifacts = folder, artifacts

    def __enter__(self) -> Self:
        self.postgres = Postgres()
        self.s3 = ObjectStore(self._folder)
        try:
            self.postgres.wait()
            self.s3.wait()
            self.server = Server(
                self._folder, self.postgres.uri, self._artifacts, environment=self.s3.environment
            )
            self.server.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if hasattr(self, "server"):
            self.server.leash.stop()
        self.s3.leash.stop()
        self.postgres.stop()

    @property
    def uri(self) -> str:
        """Of MLflow's server."""
        return self.server.uri
