"""Answers that are given again: only the same ones, of the models that answer now."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serve_app.http.access_log import open_access_log
from serve_app.keys.key_file import create_key
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app

TEA = {"product_name": "Tea"}


class Cached:
    def __init__(self, folder: Path, cache_bytes: int) -> None:
        self.generators = FakeGenerators()
        self.keys_file = folder / "keys.json"
        http = http_app(
            self.generators,
            keys=LiveKeys(self.keys_file, clock=lambda: self.now),
            access_log=open_access_log(folder / "access.log"),
            cache_bytes=cache_bytes,
        )
        self.now = 0.0
        self.client = TestClient(http, base_url="http://localhost")

    def ask(self, body: object = TEA, **headers: str) -> bool:
        """Whether it was asked before."""
        before = len(self.generators.calls)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.post("/predict", json=body, headers=names)
        assert response.status_code == 200
        hit = response.headers.get("x-adcraft-cache") == "hit"
        assert hit == (len(self.generators.calls) == before)
        return hit


@pytest.fixture
def server(tmp_path: Path) -> Cached:
    return Cached(tmp_path, 100_000)


def test_same_request_is_answered_again(server: Cached) -> None:
    first = server.client.post("/predict", json=TEA)
    again = server.client.post("/predict", json=TEA)
    assert again.json() == first.json()
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "x-adcraft-cache" not in first.headers
    assert server.ask()


def test_whatever_an_answer_depends_on_tells_requests_apart(server: Cached) -> None:
    assert not server.ask()
    assert not server.ask({**TEA, "seed": 1})
    assert not server.ask(x_adcraft_model="champion")
    assert not server.ask(x_adcraft_sticky="me")
    assert server.ask()
    assert not server.ask(cache_control="no-cache")


def test_all_is_forgotten_when_the_models_change(server: Cached) -> None:
    server.ask()
    server.generators.serial = 2
    assert not server.ask()
    assert server.ask()


def test_answer_of_a_model_that_should_not_have_answered_is_not_kept(server: Cached) -> None:
    server.generators.version = "4"
    server.ask()
    assert not server.ask()


def test_errors_are_not_kept(server: Cached) -> None:
    for _ in range(2):
        assert server.client.post("/predict", json={"product_name": "strange"}).status_code == 422
    assert len(server.generators.calls) == 2


def test_it_needs_the_key_all_the_same(server: Cached) -> None:
    server.ask()
    server.now += 10
    create_key(server.keys_file, "shop", ("predict",))
    assert server.client.post("/predict", json=TEA).status_code == 401


def test_it_is_logged_like_any_other(server: Cached, tmp_path: Path) -> None:
    server.ask()
    server.ask()
    first, again = (tmp_path / "access.log").read_text().splitlines()
    for part in ('"items": 1', '"model_version": "3"', '"status": 200'):
        assert part in first
        assert part in again


def test_the_oldest_make_room(tmp_path: Path) -> None:
    server = Cached(tmp_path, 5_000)
    for number in range(4):
        server.ask({"product_name": f"Tea {number}"})
    assert server.ask({"product_name": "Tea 3"})
    assert not server.ask({"product_name": "Tea 0"})


def test_none_is_kept_where_none_may_be(tmp_path: Path) -> None:
    server = Cached(tmp_path, 0)
    server.ask()
    assert not server.ask()
