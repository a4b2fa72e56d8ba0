"""A bucket is made once, in a real S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.errors import StorageError
from cluster.bucket import make_bucket
from cluster.ports import LOOPBACK, free_port
from tests.object_store import BUCKET, ObjectStore


def test_a_bucket_is_made_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore(tmp_path)
    with store.leash:
        store.wait()
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        assert not make_bucket(BUCKET)
        assert make_bucket("another")
        assert not make_bucket("another")


def test_a_store_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", url := f"http://{LOOPBACK}:{free_port()}")
    with pytest.raises(StorageError, match=f"Bucket 'adcraft' at {url} can't be made: .*Check MLFLOW_S3"):
        make_bucket(BUCKET)
