"""The HTTP application over fake generators, without Ray."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from adcraft.settings import ServeSettings
from serve_app.routes import build_http
from tests.unit.serve_app.fakes import FakeGenerators


@pytest.fixture
def generators() -> FakeGenerators:
    return FakeGenerators()


@pytest.fixture
def client(generators: FakeGenerators) -> Iterator[TestClient]:
    settings = ServeSettings(max_items=20, max_body_bytes=20_000, max_replicas=1)
    with TestClient(build_http(generators, settings, {"ray": "2"}), follow_redirects=False) as client:
        yield client
