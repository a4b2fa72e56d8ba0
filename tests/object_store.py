"""An S3 of its own for tests: moto's server on a free port of 127.0.0.1."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from cluster.leash import Leash
from cluster.ports import LOOPBACK, free_port

BUCKET = "adcraft"


class ObjectStore:
    """moto's S3, which keeps all in memory, with one bucket."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.uri = f"http://{LOOPBACK}:{self.port}"
        self.leash = Leash(
            [sys.executable, "-m", "moto.server", "--host", LOOPBACK, "--port", str(self.port)],
            environment=dict(os.environ),
            log=folder / "s3.log",
            grace_s=3,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a client has to know, as MLflow and boto3 read it."""
        return {
            "MLFLOW_S3_ENDPOINT_URL": self.uri,
            "AWS_ACCESS_KEY_ID": "adcraft",
            "AWS_SECRET_ACCESS_KEY": "a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def wait(self) -> None:
        """Until it answers; then the bucket is made."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(self.uri, timeout=2, trust_env=False)
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                self.client().create_bucket(Bucket=BUCKET)
                return
        raise AssertionError("\n".join(self.leash.output()[-20:]))

    def client(self) -> Any:
        """Of boto3."""
        import boto3

        known = self.environment
        return boto3.client(
            "s3",
            endpoint_url=self.uri,
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
            region_name=known["AWS_DEFAULT_REGION"],
        )

    def names(self, prefix: str = "") -> list[str]:
        """The names of all objects."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
