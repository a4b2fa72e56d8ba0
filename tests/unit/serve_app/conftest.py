"""The HTTP application over fake generators, without Ray."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serve_app.http.access_log import open_access_log
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app


@pytest.fixture
def generators() -> FakeGenerators:
    return FakeGenerators()


@pytest.fixture
def client(generators: FakeGenerators, tmp_path: Path) -> Iterator[TestClient]:
    http = http_app(
        generators, keys=LiveKeys(tmp_path / "keys.json"), access_log=open_access_log(tmp_path / "access.log")
    )
    with TestClient(http, base_url="http://localhost", follow_redirects=False) as client:
        yield client
