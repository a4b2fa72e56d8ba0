"""The application on a real Ray Serve with a real engine, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from adcraft.metric_names import BATCH_PROMPTS
from adcraft.registry import Registry
from adcraft.settings import ServeSettings, TrackingSettings
from cluster.ports import free_port
from serve_app.args import ServeArgs
from serve_app.heart import BEAT_S
from serve_app.keys.exposure import host_of_serve
from serve_app.models.registry_watch import RegistryWatch, prefetch
from tests.tiny_model import DATASET, register_tiny_model, tiny_home

ROOT = Path(__file__).parents[2]
SHOES = {"brand": "Nike", "product_name": "Running Shoes"}
MAX_ITEMS = 50
_SETTLED_S = 60.0


@pytest.fixture(scope="module")
def args(tmp_path_factory: pytest.TempPathFactory) -> ServeArgs:
    home = tmp_path_factory.mktemp("serve") / "home"  # its aliases move
    shutil.copytree(tiny_home(tmp_path_factory), home)
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


def test_serve_says_where_it_listens(client: httpx.Client) -> None:
    """What decides whether a key is needed is read from an inner object of Serve."""
    assert host_of_serve() == client.base_url.host == "127.0.0.1"


def test_documentation_is_served(client: httpx.Client) -> None:
    assert "swagger-ui-bundle.js" in client.get("/", follow_redirects=True).text
    assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
    assert "/batch_predict" in client.get("/openapi.json").json()["paths"]


def eventually(client: httpx.Client, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is answered there, as soon as it is as it should be."""
    deadline = time.monotonic() + _SETTLED_S
    while True:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        if holds(body):
            return body
        assert time.monotonic() < deadline, body
        time.sleep(0.2)


def test_model_is_swapped_while_it_answers_and_rolled_back(
    client: httpx.Client, args: ServeArgs, tmp_path: Path
) -> None:
    def answered_by(**headers: str) -> httpx.Response:
        return client.post("/predict", json=SHOES, headers={**headers, "Cache-Control": "no-cache"})

    def answers(version: int) -> Callable[[dict[str, Any]], bool]:
        return lambda found: versions(found)["champion"] == version and found["models"][0]["answers_in"] == 1

    def versions(found: dict[str, Any]) -> dict[str, int]:
        return {each["model"]["alias"]: int(each["model"]["version"]) for each in found["models"]}

    registry = Registry(args.tracking.uri, args.tracking.model)
    register_tiny_model(args.tracking.uri, tmp_path, "second")
    eventually(client, "/models", lambda found: versions(found) == {"champion": 1, "challenger": 2})
    assert answered_by().json()["model"]["version"] == "1"
    while (pinned := answered_by(**{"X-Adcraft-Model": "challenger"})).status_code == 404:
        time.sleep(0.2)  # the control replica knows it, and tells it with the next beat
    assert pinned.json()["model"]["version"] == "2"
    assert answered_by(**{"X-Adcraft-Model": "7"}).status_code == 404
    swaps = client.get("/stats").json()["swaps"]

    registry.move_aliases(registry.aliases(), {"previous": "1", "champion": "2"})
    assert eventually(client, "/models", answers(2))["refused"] == []
    assert answered_by().json()["model"]["version"] == "2"
    registry.move_aliases(registry.aliases(), {"champion": "1"})
    eventually(client, "/models", answers(1))
    assert answered_by().json()["model"]["alias"] == "champion"
    after = eventually(client, "/stats", lambda found: found["swaps"]["rolled_back"] > swaps["rolled_back"])
    assert after["swaps"]["ok"] == swaps["ok"] + 1


def test_the_whole_application_is_counted(client: httpx.Client) -> None:
    client.post("/predict", json=SHOES)
    again = client.post("/predict", json=SHOES)
    assert again.headers["x-adcraft-cache"] == "hit"
    counted = eventually(client, "/stats", lambda found: found["cache"]["hits"] > 0 and found["models"] != [])
    assert counted["by_status"]["200"] > 1
    assert counted["replicas"] == {"control": 1, "generator": 1, "ingress": 1}
    assert counted["registry_reachable"] is True
    text = client.get("/metrics").text
    for line in (
        'adcraft_cache_lookups_total{outcome="hit"}',
        'adcraft_http_requests_total{method="POST",route="/predict",status="200"}',
        "adcraft_engine_batch_prompts_bucket",
        'adcraft_replicas{deployment="generator"} 1.0',
    ):
        assert line in text
    latest = client.get("/logs", params={"status": 200}).json()["entries"]
    assert {"time", "request_id", "path", "ms", "model_version"} <= set(latest[0])


def test_samples_can_be_sent_as_they_are(client: httpx.Client) -> None:
    for sample in client.get("/samples").json():
        answer = client.post("/predict", json={**sample, "tone": None})
        assert answer.status_code == 200, answer.text


def test_generator_that_ends_tells_what_it_wrote_last(client: httpx.Client, args: ServeArgs) -> None:
    """One of an application of its own beside the control replica, which is there afterwards."""
    from ray import serve

    from serve_app import heart
    from serve_app.generator import GeneratorDeployment
    from serve_app.messages import Job

    class Silent(GeneratorDeployment):
        async def __init__(self, *arguments: Any) -> None:  # type: ignore[misc]  # Serve awaits it
            heart.BEAT_S = 3600.0
            await super().__init__(*arguments)

    generator = serve.deployment(
        name="generator", ray_actor_options={"num_cpus": 0}, graceful_shutdown_wait_loop_s=0.01
    )(Silent)
    control = serve.get_deployment_handle("control", "adcraft")
    handle = serve.run(generator.bind(control, args), name="another", route_prefix=None)
    time.sleep(2 * BEAT_S)  # those of other tests have told all that they counted
    before = _batches(client)
    handle.generate.remote([Job({"product_name": "Bag"})], 60.0).result()
    serve.delete("another")
    assert _batches(client) == before + 1


def _batches(client: httpx.Client) -> int:
    found = re.search(rf"^{BATCH_PROMPTS.name}_count (\d+)", client.get("/metrics").text, re.MULTILINE)
    assert found
    return int(float(found[1]))


def test_replica_imports_neither_torch_nor_transformers_nor_mlflow(args: ServeArgs) -> None:
    """Loads a real bundle into a real engine in a process of its own, and looks what that took."""
    assignment = RegistryWatch(args).look()
    prefetch(args, assignment.versions["champion"])
    code = """
import asyncio, json, sys
from adcraft.registry import ModelVersion
from serve_app.app import build_app
from serve_app.args import ServeArgs
from serve_app.models.loading import ModelLoader
from serve_app.generator import GeneratorReplica
from serve_app.messages import Assignment, Job

class Control:
    async def remote(self, beat):
        return Assignment(1, {"champion": ModelVersion(**json.loads(sys.argv[2]))})
    beat = property(lambda self: self)

async def write():
    replica = GeneratorReplica.__new__(GeneratorReplica)
    await replica.__init__(Control(), ServeArgs.model_validate_json(sys.argv[1]))
    [outcome] = await replica.generate([Job({"product_name": "Bag"})], 60)
    return [text.text for text in outcome.result.assets["creative"].texts]

texts = asyncio.run(write())
heavy = [name for name in ("torch", "transformers", "sklearn", "datasets", "mlflow") if name in sys.modules]
print(json.dumps({"texts": texts, "heavy": heavy}))
"""
    sent = args.model_dump(mode="json")
    del sent["serve"]["host"], sent["serve"]["port"], sent["serve"]["proxy"]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(sent), json.dumps(asdict(assignment.versions["champion"]))],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"texts": ["Meet Bag."], "heavy": []}
