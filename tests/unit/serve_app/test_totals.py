"""The totals for Prometheus and for /stats, and that no feed makes them grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from starlette.testclient import TestClient

from adcraft import metric_names as names
from adcraft.ad_copy.copywriting.ad import Ad, AdText, AssetCopy
from serve_app.counting.meter import MOST_SERIES, Delta, Distribution, Meter
from serve_app.counting.observations import observe_ad
from serve_app.counting.stats import quantile, stats
from serve_app.counting.totals import SILENT_AFTER_S, WINDOW_S, Totals
from serve_app.http.access_log import open_access_log
from serve_app.http.schemas import BatchAnswer, ItemAnswer
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def samples(totals: Totals) -> list[Sample]:
    families = text_string_to_metric_families(totals.exposition().decode())
    return [sample for family in families for sample in family.samples]


def value(totals: Totals, name: str, **labels: str) -> float:
    [found] = [sample.value for sample in samples(totals) if (sample.name, sample.labels) == (name, labels)]
    return found


def busy() -> tuple[Meter, Meter]:
    """An ingress and a generator that have seen one of everything."""
    ingress, generator = Meter(), Meter()
    for metric in names.SERVED:
        if metric != names.REPLICAS:
            labels = {label.name: (label.values or ("7",))[0] for label in metric.labels}
            meter = generator if "engine" in metric.name or "model" in metric.name else ingress
            meter.observe(metric, 2, **labels)
    return ingress, generator


def test_the_exposition_parses_and_has_every_metric() -> None:
    totals = Totals()
    ingress, generator = busy()
    totals.add("ingress", "i1", ingress.take())
    totals.add("generator", "g1", generator.take())
    families = {
        family.name: family for family in text_string_to_metric_families(totals.exposition().decode())
    }
    assert set(families) == {metric.name.removesuffix("_total") for metric in names.SERVED}
    for metric in names.SERVED:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.description)
        own = {label.name for label in metric.labels}
        if metric.kind == "gauge" and metric != names.REPLICAS:
            own.add("replica")
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(own)}
        if metric.kind == "histogram":
            buckets = [one.value for one in family.samples if one.name.endswith("_bucket")]
            assert buckets == sorted(buckets), "each has what is below it, too"
            assert len(buckets) == len(metric.buckets) + 1
            count, total = (
                one.value for end in ("_count", "_sum") for one in family.samples if one.name.endswith(end)
            )
            assert (buckets[-1], count, total) == (1, 1, 2)


def test_replicas_are_added_up_and_gauges_told_apart() -> None:
    totals, meters = Totals(), {name: Meter() for name in ("g1", "g2")}
    for count, meter in enumerate(meters.values(), start=1):
        meter.observe(names.CACHE_LOOKUPS, count, outcome="hit")
        meter.observe(names.QUEUE_PROMPTS, count)
    for name, meter in meters.items():
        assert totals.add("generator", name, meter.take())
    assert value(totals, "adcraft_cache_lookups_total", outcome="hit") == 3
    assert value(totals, "adcraft_engine_queue_prompts", replica="g1") == 1
    assert value(totals, "adcraft_engine_queue_prompts", replica="g2") == 2
    assert value(totals, "adcraft_replicas", deployment="generator") == 2
    assert stats(totals).engine.queue_prompts == 3


def test_a_silent_replica_is_forgotten_and_what_it_counted_is_not() -> None:
    clock = Clock()
    totals, one, other = Totals(clock=clock), Meter(), Meter()
    one.observe(names.QUEUE_PROMPTS, 4)
    one.observe(names.CACHE_LOOKUPS, outcome="hit")
    totals.add("generator", "one", one.take())
    totals.add("ingress", "other", other.take())
    clock.now += SILENT_AFTER_S
    totals.add("ingress", "other", other.take())
    assert stats(totals).replicas == {"generator": 1, "ingress": 1}
    clock.now += 0.1
    assert stats(totals).replicas == {"ingress": 1}
    assert not [sample for sample in samples(totals) if sample.labels.get("replica") == "one"]
    assert value(totals, "adcraft_cache_lookups_total", outcome="hit") == 1
    totals.add("generator", "one", one.take())
    assert value(totals, "adcraft_engine_queue_prompts", replica="one") == 4


def test_counters_whose_labels_are_known_begin_at_nought() -> None:
    totals = Totals()
    for outcome in ("ok", "failed", "rolled_back"):
        assert value(totals, "adcraft_model_swaps_total", outcome=outcome) == 0
    assert not [sample for sample in samples(totals) if sample.name == "adcraft_items_total"]


def test_what_another_release_counts_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    totals = Totals()
    delta = Delta(
        "m",
        1,
        {("adcraft_new_total", ()): 1, (names.ITEMS.name, ()): 1, (names.ITEMS.name, ("ok",)): 2},
        {(names.BATCH_PROMPTS.name, ()): Distribution((1, 2), 3.0)},
        {("adcraft_new", ()): 1, (names.QUEUE_PROMPTS.name, ("x",)): 1},
    )
    for number in (1, 2):
        assert totals.add("ingress", "i", Delta("m", number, delta.counters, delta.histograms, delta.gauges))
    assert totals.counts(names.ITEMS) == {("ok",): 4}
    assert not totals.distributions(names.BATCH_PROMPTS)
    assert {sample.name for sample in samples(totals)} & {
        "adcraft_new",
        "adcraft_engine_queue_prompts",
    } == set()
    assert len(caplog.records) == 3, "once each"


def test_the_longest_unchanged_series_go_first() -> None:
    totals, number = Totals(), 0

    def count(version: str) -> None:
        nonlocal number
        number += 1
        totals.add("g", "g", Delta("m", number, {(names.INPUT_TOKENS.name, (version,)): 1}, {}, {}))

    for version in range(MOST_SERIES):
        count(str(version))
    count("0")
    count("new")
    assert len(totals.counts(names.INPUT_TOKENS)) == MOST_SERIES
    assert totals.counts(names.INPUT_TOKENS)["0",] == 2
    assert ("1",) not in totals.counts(names.INPUT_TOKENS)
    assert ("new",) in totals.counts(names.INPUT_TOKENS)


def test_stats_of_an_application_that_did_nothing() -> None:
    found = stats(Totals())
    assert (found.requests, found.routes, found.models, found.replicas) == (0, [], [], {})
    assert found.engine.mean_batch_prompts is found.engine.busy_share is found.cache.hit_share is None
    assert found.engine.wait.p99_ms is found.registry_reachable is None
    assert found.swaps == {"failed": 0, "ok": 0, "rolled_back": 0}


def test_stats_add_up() -> None:
    clock = Clock()
    totals, ingress, generator = Totals(clock=clock), Meter(), Meter()
    for status, seconds in (("200", 0.1), ("200", 0.1), ("429", 0.001)):
        ingress.observe(names.HTTP_REQUESTS, route="/predict", method="POST", status=status)
        ingress.observe(names.HTTP_REQUEST_SECONDS, seconds, route="/predict")
    ingress.observe(names.HTTP_REQUESTS, route="other", method="GET", status="404")
    ingress.observe(names.REFUSED_REQUESTS, reason="queue_full", priority="interactive")
    ingress.observe(names.CACHE_LOOKUPS, outcome="hit")
    ingress.observe(names.CACHE_LOOKUPS, 3, outcome="miss")
    ingress.observe(names.PREDICTION_SECONDS, 0.09, model_version="10")
    ingress.observe(names.PREDICTION_SECONDS, 0.09, model_version="9")
    ingress.observe(names.REGISTRY_REACHABLE, 0)
    generator.observe(names.MODEL_INFO, 1, model_version="10", role="champion")
    generator.observe(names.QUEUE_PROMPTS, 5)
    generator.observe(names.BATCH_PROMPTS, 4)
    generator.observe(names.BATCH_PROMPTS, 12)
    generator.observe(names.ENGINE_BUSY_SECONDS, 6)
    generator.observe(names.INPUT_TOKENS, 480, model_version="10")
    generator.observe(names.OUTPUT_TOKENS, 120, model_version="10")
    clock.now += 2 * WINDOW_S
    totals.add("ingress", "i", ingress.take())
    totals.add("generator", "g", generator.take())
    found = stats(totals)
    assert (found.requests, found.by_status) == (4, {"200": 2, "404": 1, "429": 1})
    assert found.requests_per_s == round(4 / 60, 2)
    assert [(route.route, route.requests) for route in found.routes] == [("/predict", 3), ("other", 1)]
    took = found.routes[0].latency
    assert took.count == 3
    assert took.mean_ms == pytest.approx(67)
    assert took.p50_ms is not None
    assert took.p99_ms is not None
    assert 78 < took.p50_ms < took.p99_ms <= 110, "within the bucket of 100 ms"
    assert found.refusals.interactive["queue_full"] == 1
    assert not any(found.refusals.batch.values())
    assert (found.cache.hits, found.cache.misses, found.cache.hit_share) == (1, 3, 0.25)
    nine, ten = found.models
    assert (nine.model_version, nine.roles, nine.latency.count) == ("9", [], 1)
    assert (ten.model_version, ten.roles, ten.input_tokens, ten.output_tokens) == (
        "10",
        ["champion"],
        480,
        120,
    )
    engine = found.engine
    assert (engine.batches, engine.mean_batch_prompts, engine.queue_prompts) == (2, 8.0, 5)
    assert (engine.busy_s, engine.busy_share) == (6, 0.1)
    assert (engine.output_tokens_per_s, engine.output_tokens_per_busy_s) == (2, 20)
    assert found.registry_reachable is False
    clock.now += WINDOW_S + 1
    totals.add("ingress", "i", ingress.take())
    assert stats(totals).requests_per_s == 0
    assert stats(totals).requests == 4


@given(st.lists(st.floats(0.0001, 59), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_within_its_bucket(values: list[float], share: float) -> None:
    meter = Meter()
    for one in values:
        meter.observe(names.BATCH_WAIT_SECONDS, one)
    [seen] = meter.take().histograms.values()
    found = quantile(names.SECONDS, seen.counts, share)
    rank = share * len(values)
    true = next(one for place, one in enumerate(sorted(values), start=1) if place >= rank)
    lower = max([0.0, *(bound for bound in names.SECONDS if bound < true)])
    upper = min(bound for bound in names.SECONDS if bound >= true)
    assert lower <= found <= upper * (1 + 1e-9)


def test_a_percentile_above_the_last_bound_is_the_last_bound() -> None:
    assert quantile((1.0, 2.0), (0, 0, 3), 0.5) == 2.0
    assert quantile((1.0, 2.0), (0, 2, 0), 1.0) == 2.0
    assert quantile((1.0, 2.0), (4, 0, 0), 0.5) == 0.5


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Meter]]:
    meter = Meter()
    log = open_access_log(tmp_path / "access.log")
    keys = LiveKeys(tmp_path / "keys.json")
    limits = {"max_items": 1000, "max_body_bytes": 2_000_000, "log_texts": True}
    http = http_app(FakeGenerators(), keys=keys, access_log=log, meter=meter, **limits)
    with TestClient(http, base_url="http://localhost") as client:
        yield client, meter


def test_ten_thousand_products_make_no_series(served: tuple[TestClient, Meter]) -> None:
    client, meter = served
    totals, series = Totals(), []
    for start in range(0, 10_000, 1000):
        items = [
            {"product_name": f"Product {start + number}", "brand": f"B{number}"} for number in range(1000)
        ]
        response = client.post("/batch_predict", json={"items": [*items[:-1], {}]})
        results = BatchAnswer.model_validate(response.json()).results
        client.post("/predict", json=items[0])
        client.get(f"/Product-{start}")
        client.request(f"BREW{start}", "/predict")
        for result in results:
            if isinstance(result, ItemAnswer):
                observe_ad(meter, ad_of(result.product_name))
        totals.add("ingress", "i", meter.take())
        series.append({(sample.name, *sorted(sample.labels.items())) for sample in samples(totals)})
    assert totals.counts(names.ITEMS) == {("ok",): 10_000, ("invalid_request",): 10}
    assert sum(totals.counts(names.GUARDRAIL_VERDICTS).values()) == 9990
    assert totals.counts(names.HTTP_REQUESTS)["other", "GET", "404"] == 10
    assert all(more == series[0] for more in series), "what the first thousand made, and no more"
    assert not [
        sample for sample in samples(totals) if any("Product" in one for one in sample.labels.values())
    ]


def ad_of(name: str) -> Ad:
    """With two texts that can be published, and one that breaks a rule."""
    broken = frozenset({"discount"})
    texts = (AdText(f"{name} for you", None, True, 10, True),)
    return Ad("creative", {"creative": AssetCopy(texts, (), {frozenset(): 2, broken: 1})}, "creative")


def test_what_is_counted_of_an_ad() -> None:
    meter = Meter()
    texts = tuple(AdText("Tea", None, safe, 3, True) for safe in (True, True, False))
    candidates = {frozenset[str](): 3, frozenset({"discount", "emoji"}): 2, frozenset({"emoji"}): 1}
    observe_ad(meter, Ad("creative", {"creative": AssetCopy(texts, (), candidates)}, "creative"))
    assert meter.take().counters == {
        (names.CANDIDATES.name, ("passed",)): 3,
        (names.CANDIDATES.name, ("refused",)): 3,
        (names.GUARDRAIL_VERDICTS.name, ("discount",)): 2,
        (names.GUARDRAIL_VERDICTS.name, ("emoji",)): 3,
        (names.SAFE_TEXTS.name, ()): 2,
    }
