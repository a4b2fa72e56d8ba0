"""/stats, /logs and /metrics over HTTP, with a control replica that is none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from adcraft import metric_names as names
from adcraft.metric_names import Metric
from serve_app.counting.meter import Meter
from serve_app.counting.request_log import RequestLog
from serve_app.counting.stats import stats
from serve_app.counting.totals import Totals
from serve_app.http.access_log import MOST_TOLD_CHARS, open_access_log
from serve_app.http.faults import ApiError
from serve_app.http.state_schemas import LogQuery, Logs, Stats
from serve_app.keys.key_file import Scope, create_key
from serve_app.keys.live_keys import LOOK_EVERY_S, LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app

TEA = {"product_name": "Tea"}
PATHS = ["/stats", "/logs", "/metrics"]


class FakeControl:
    """The control replica of one ingress, which tells it all before it is asked."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.totals = Totals()
        self.log = RequestLog()
        self.fault: Exception | None = None

    def _hear(self) -> None:
        if self.fault:
            raise self.fault
        delta = self.meter.take()
        assert self.totals.add("ingress", "i1", delta)
        self.log.add(delta.lines)

    async def stats(self) -> Stats:
        self._hear()
        return stats(self.totals)

    async def logs(self, query: LogQuery) -> Logs:
        self._hear()
        return self.log.recent(query)

    async def metrics(self) -> bytes:
        self._hear()
        return self.totals.exposition()


class Server:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.meter = Meter()
        self.control = FakeControl(self.meter)
        self.generators = FakeGenerators()
        self.keys_file = folder / "keys.json"
        self.now = 0.0
        keys = LiveKeys(self.keys_file, clock=lambda: self.now)
        self.generators.control = self.control
        http = http_app(
            self.generators,
            keys=keys,
            access_log=open_access_log(folder / "access.jsonl"),
            meter=self.meter,
            **{"max_items": 600, **settings},
        )
        self.client = TestClient(http, base_url="http://localhost")

    def key(self, *scopes: Scope) -> dict[str, str]:
        self.now += LOOK_EVERY_S
        return {"Authorization": f"Bearer {create_key(self.keys_file, 'shop', scopes)[1]}"}

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    with server.client:
        yield server


def refused(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    return error["message"]


def test_stats_count_requests_by_route_and_status(server: Server) -> None:
    server.client.post("/predict", json=TEA)
    server.client.post("/predict", json={})
    server.client.post("/predict", content=b"{}", headers={"Content-Type": "text/plain"})
    for path in ("/docs/none.js", "/docs/neither.js", "/a", "/b/c", "/predict/", "/openapi.json"):
        server.get(path)
    server.client.request("BREW", "/predict")
    body = server.get("/stats").json()
    routes = {route["route"]: route["by_status"] for route in body["routes"]}
    assert routes == {
        "/predict": {"200": 1, "422": 1, "415": 1, "405": 1},
        "/docs/{name}": {"404": 2},
        "/openapi.json": {"200": 1},
        "other": {"404": 3},
    }
    assert body["requests"] == 10
    [predict] = [route for route in body["routes"] if route["route"] == "/predict"]
    assert predict["latency"]["count"] == 4
    assert 0 < predict["latency"]["p50_ms"] <= predict["latency"]["p95_ms"] <= predict["latency"]["p99_ms"]
    assert body["replicas"] == {"ingress": 1}
    assert body["since"].endswith("Z")
    Stats.model_validate(body)


def test_metrics_are_prometheus_text(server: Server) -> None:
    server.client.post("/predict", json=TEA)
    response = server.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.labels.get("route") == "/predict" and "le" not in sample.labels
    }
    assert found[names.HTTP_REQUESTS.name] == 1
    assert found[f"{names.HTTP_REQUEST_SECONDS.name}_count"] == 1


def test_ten_thousand_products_add_no_series(tmp_path: Path) -> None:
    """Nor do ten thousand paths, brands and callers' own ids."""
    server = Server(tmp_path, max_items=1000, max_body_bytes=1_000_000)
    sink = Counter[tuple[str, tuple[str, ...]]]()
    server.meter._sink = CountingSink(sink)

    def ask(first: int) -> None:
        items = [{"product_name": f"Shoe {n}", "brand": f"Brand {n}"} for n in range(first, first + 1000)]
        assert server.client.post("/batch_predict", json={"items": items}).json()["succeeded"] == 1000
        for n in range(first, first + 50):
            server.client.post("/predict", json=items[n - first], headers={"X-Request-Id": f"id-{n}"})
            server.get(f"/products/{n}")

    with server.client:
        ask(0)
        server.get("/metrics")
        there = sum(1 for line in server.get("/metrics").text.splitlines() if not line.startswith("#"))
        told = set(sink)
        for first in range(1000, 10_000, 1000):
            ask(first)
        text = server.get("/metrics").text
    assert sum(1 for line in text.splitlines() if not line.startswith("#")) == there
    assert set(sink) == told
    assert "Shoe" not in text
    assert "Brand" not in text


class CountingSink:
    """In the place of Ray's metrics."""

    def __init__(self, seen: Counter[tuple[str, tuple[str, ...]]]) -> None:
        self._seen = seen

    def record(self, metric: Metric, values: tuple[str, ...], value: float) -> None:
        self._seen[metric.name, values] += 1


def test_logs_are_those_of_the_access_log_the_latest_first(server: Server) -> None:
    server.client.post("/predict", json=TEA, headers={"X-Request-Id": "first"})
    server.client.post("/batch_predict", json={"items": [TEA, TEA]}, headers={"X-Request-Id": "second"})
    server.get("/nothing", headers={"X-Request-Id": "third"})
    body = server.get("/logs").json()
    assert [entry["request_id"] for entry in body["entries"]] == ["third", "second", "first"]
    third, second, first = body["entries"]
    assert (first["path"], first["status"], first["model_version"], first["items"]) == (
        "/predict",
        200,
        "3",
        1,
    )
    assert (second["path"], second["items"]) == ("/batch_predict", 2)
    assert (third["status"], third["model_version"], third["texts"]) == (404, None, None)
    assert body["kept"] == 3


def test_logs_are_chosen(server: Server) -> None:
    for _ in range(3):
        server.client.post("/predict", json=TEA)
    server.get("/nothing")
    asked = {
        "?limit=2": 2,
        "?status=404": 1,
        "?status=200": 3,
        "?model_version=3": 3,
        "?model_version=4": 0,
        "?min_ms=60000": 0,
        "?model_version=3&status=404": 0,
    }
    for query, count in asked.items():
        entries = [one for one in server.get(f"/logs{query}").json()["entries"] if one["path"] != "/logs"]
        assert len(entries) == count, query


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=many", "status=99", "status=ok", "min_ms=-1", "min_ms=nan", "min_ms=inf",
     f"model_version={'x' * 101}"],
)  # fmt: skip
def test_a_query_that_is_none(server: Server, query: str) -> None:
    message = refused(server.get(f"/logs?{query}"), 422, "invalid_request")
    assert query.partition("=")[0] in message


@pytest.mark.parametrize("path", PATHS)
def test_the_control_replica_is_away(server: Server, path: str) -> None:
    server.control.fault = ApiError(503, "unavailable", "The control replica starts.", {"Retry-After": "5"})
    response = server.get(path)
    assert refused(response, 503, "unavailable") == "The control replica starts."
    assert response.headers["retry-after"] == "5"


def test_who_may_ask(server: Server) -> None:
    caller, admin = server.key("predict"), server.key("admin")
    for path in PATHS:
        assert refused(server.get(path), 401, "key_missing")
        assert server.get(path, headers=admin).status_code == 200
    for path in ("/stats", "/metrics"):
        assert server.get(path, headers=caller).status_code == 200
    message = refused(server.get("/logs", headers=caller), 403, "scope_missing")
    assert message == "This API key is for predict; this needs admin."


def test_openapi_describes_them(server: Server) -> None:
    schema = server.get("/openapi.json").json()
    for path in PATHS:
        operation = schema["paths"][path]["get"]
        assert operation["security"] == [{"bearer": []}, {"header": []}, {}]
        assert {"200", "401", "403", "503"} <= set(operation["responses"])
        assert operation["summary"]
    assert list(schema["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == [
        "text/plain; version=0.0.4; charset=utf-8"
    ]
    parameters = schema["paths"]["/logs"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["limit", "status", "min_ms", "model_version"]
    assert all(parameter["description"] for parameter in parameters)
    assert "422" in schema["paths"]["/logs"]["get"]["responses"]


def test_no_secret_reaches_the_logs_and_no_text_unless_asked_for(server: Server) -> None:
    admin = server.key("admin", "predict")
    token = admin["Authorization"].removeprefix("Bearer ")
    server.client.post("/predict", json={"product_name": "Ruby slippers"}, headers=admin)
    server.get(f"/{token}", headers={"X-Request-Id": token})
    response = server.get("/logs", headers=admin)
    assert response.json()["entries"][0]["request_id"] == f"adc_{token[4:12]}_..."
    assert response.json()["entries"][1]["key_id"] == token[4:12]
    assert token[13:] not in response.text
    assert "slippers" not in response.text


def test_texts_reach_the_logs_if_asked_for_and_not_too_many(tmp_path: Path) -> None:
    server = Server(tmp_path, log_texts=True)
    with server.client:
        server.client.post("/batch_predict", json={"items": [TEA] * 500})
        server.client.post("/predict", json=TEA)
        one, many = server.get("/logs").json()["entries"]
    assert one["texts"] == [{"product_name": "Tea", "creative": "Tea for you, 0"}]
    assert (many["items"], many["texts"]) == (500, None)
    first = (tmp_path / "access.jsonl").read_text().splitlines()[0]
    assert len(first) > MOST_TOLD_CHARS, "the file has them all"


def line(number: int, **changed: Any) -> str:
    entry = {
        "time": f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000+00:00",
        "request_id": str(number), "key_id": None, "method": "POST", "path": "/predict", "status": 200,
        "ms": 5.0, "model_version": "3", "items": 1,
    }  # fmt: skip
    return json.dumps({**entry, **changed})


def test_the_log_keeps_the_latest_of_all_replicas_in_order() -> None:
    log = RequestLog(most=4)
    log.add([line(0)])
    log.add([line(1), line(4)])
    log.add([line(2), line(3)])
    found = log.recent(LogQuery())
    assert [entry.request_id for entry in found.entries] == ["4", "3", "2", "1"]
    assert found.kept == 4
    assert [entry.request_id for entry in log.recent(LogQuery(limit=1)).entries] == ["4"]


def test_a_version_among_those_of_a_batch_is_found() -> None:
    log = RequestLog()
    log.add([line(1, model_version="3,14"), line(2, model_version=None), line(3, status=None, ms=7.25)])

    def ids(**query: Any) -> list[str]:
        return [entry.request_id for entry in log.recent(LogQuery(**query)).entries]

    assert ids(model_version="14") == ["1"]
    assert ids(model_version="1") == []
    assert ids(min_ms=7.25) == ["3"]
    assert ids(status=200) == ["2", "1"]
