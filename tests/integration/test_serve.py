"""The application on a real Ray Serve with a real engine, over real HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from adcraft.settings import ServeSettings, TrackingSettings
from cluster.ports import free_port
from serve_app.args import ServeArgs
from tests.tiny_model import DATASET, tiny_home

ROOT = Path(__file__).parents[2]
SHOES = {"brand": "Nike", "product_name": "Running Shoes"}
MAX_ITEMS = 50


@pytest.fixture(scope="module")
def args(tmp_path_factory: pytest.TempPathFactory) -> ServeArgs:
    home = tiny_home(tmp_path_factory)
    return ServeArgs(
        home=str(home),
        tracking=TrackingSettings(uri=f"sqlite:///{home}/mlflow.db"),
        serve=ServeSettings(max_items=MAX_ITEMS, max_replicas=1),
    )


@pytest.fixture(scope="module")
def client(ray_session: object, args: ServeArgs) -> Iterator[httpx.Client]:
    from ray import serve

    from serve_app.app import build_app

    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_app(args), name="adcraft", route_prefix="/")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        yield client
    serve.shutdown()


pytestmark = pytest.mark.integration


def test_copy_with_its_provenance(client: httpx.Client) -> None:
    response = client.post("/predict", json=SHOES)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["creative"] == "Meet Running Shoes by Nike."
    assert body["variants"] == [body["creative"]]
    assert (body["brand"], body["product_name"]) == ("Nike", "Running Shoes")
    model = body["model"]
    assert (model["name"], model["version"], model["alias"]) == ("ad_copy", "1", "champion")
    assert (model["run_name"], model["dataset_version"]) == ("tiny", DATASET.version)
    assert model["run_id"] in model["artifact_uri"]
    assert client.get("/ready").json() == {"status": "ready", "model": model}
    assert client.get("/info").json()["model"] == model


def test_variants_are_distinct(client: httpx.Client) -> None:
    variants = client.post("/predict", json={**SHOES, "variants": 3}).json()["variants"]
    assert len(set(variants)) == len(variants) > 1


def test_product_that_the_model_has_never_seen_is_named_verbatim(client: httpx.Client) -> None:
    product = {"brand": "Ünique™ & Söhne", "product_name": "Zyx-9000 {curly} \\o/"}
    creative = client.post("/predict", json=product).json()["creative"]
    assert product["product_name"] in creative


def test_requests_at_once_are_each_answered_for_their_own_product(client: httpx.Client) -> None:
    def ask(number: int) -> bool:
        response = client.post("/predict", json={"product_name": f"Bag {number}"})
        return f"Bag {number}" in response.json()["creative"]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(64)))


def test_batch_answers_each_item_in_its_place(client: httpx.Client) -> None:
    items: list[dict[str, object]] = [{"product_name": f"Tea Pot {i}"} for i in range(MAX_ITEMS)]
    items[7] = {"product_name": 7}
    body = client.post("/batch_predict", json={"items": items}).json()
    assert (body["succeeded"], body["failed"]) == (MAX_ITEMS - 1, 1)
    assert "must be text" in body["results"][7]["error"]["message"]
    for index, result in enumerate(body["results"]):
        assert result["index"] == index
        if index != 7:
            assert f"Tea Pot {index}" in result["creative"]


def test_20000_items_are_refused_in_one_sentence(client: httpx.Client) -> None:
    response = client.post("/batch_predict", json={"items": [SHOES] * 20_000})
    assert response.status_code == 413
    message = response.json()["error"]["message"]
    assert (
        message
        == f"The batch has 20,000 items, and may have {MAX_ITEMS} (serve.max_items). Send several batches."
    )


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/predict", b"{}", 422),
        ("POST", "/predict", b"{", 400),
        ("POST", "/predict", b" " * 5_000_000, 413),
        ("GET", "/predict", b"", 405),
        ("GET", "/nothing", b"", 404),
    ],
)
def test_errors_have_one_shape_and_the_request_id_of_the_header(
    client: httpx.Client, method: str, path: str, content: bytes, status: int
) -> None:
    response = client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert response.headers.get_list("x-request-id") == [error["request_id"]]


def test_request_id_is_taken_from_the_client(client: httpx.Client) -> None:
    response = client.post("/predict", json={}, headers={"X-Request-Id": "shop-1"})
    assert response.json()["error"]["request_id"] == "shop-1"
    assert response.headers.get_list("x-request-id") == ["shop-1"]


def test_documentation_is_served(client: httpx.Client) -> None:
    assert "swagger-ui-bundle.js" in client.get("/", follow_redirects=True).text
    assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
    assert "/batch_predict" in client.get("/openapi.json").json()["paths"]


def test_replica_imports_neither_torch_nor_transformers(args: ServeArgs) -> None:
    """Loads a real bundle into a real engine in a process of its own, and looks what that took."""
    code = """
import asyncio, json, sys
from serve_app.args import ServeArgs
from serve_app.generator import GeneratorReplica
from serve_app.messages import Job
from serve_app.app import build_app
replica = GeneratorReplica(ServeArgs.model_validate_json(sys.argv[1]))
reply = asyncio.run(replica.generate([Job({"product_name": "Bag"})]))
heavy = [name for name in ("torch", "transformers", "sklearn", "datasets") if name in sys.modules]
texts = [text.text for text in reply.outcomes[0].assets["creative"].texts]
print(json.dumps({"texts": texts, "heavy": heavy}))
"""
    sent = args.model_dump(mode="json")
    del sent["serve"]["host"], sent["serve"]["port"]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(sent)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"texts": ["Meet Bag."], "heavy": []}
