"""What the measurements of the HTTP benchmark come to: percentiles, shares of requests, lines and goals."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from adcraft.inference.bundle import PromptSettings, RunReference, seal_bundle
from benchmarks.report import Entry
from benchmarks.serving import sides
from benchmarks.serving.asking import Asked, sized
from benchmarks.serving.bench_model import BenchModel
from benchmarks.serving.blocks import BATCH, BUSY, CACHED, HEALTH, OFFLINE, RAW, Plan, needed
from benchmarks.serving.client import Outcome
from benchmarks.serving.deploy import deployed
from benchmarks.serving.engine_calls import EngineCalls, parse
from benchmarks.serving.entries import OURS, cpu_rows, entries
from benchmarks.serving.figures import Figures, medians, percentile, share_alike
from benchmarks.serving.processes import role
from benchmarks.serving.results import Results
from serve_app.args import ServeArgs
from tests.tiny_model import DATASET


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1, 100), (0.001, 1)])
def test_percentiles_are_by_nearest_rank(share: float, value: int) -> None:
    assert percentile([*range(100, 0, -1)], share) == value


def test_a_percentile_of_few_or_no_values() -> None:
    assert percentile([7], 0.99) == 7
    assert percentile([1, 2], 0.5) == 1
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_figures_and_their_medians() -> None:
    figures = Figures.of(Outcome(seconds=2, latencies_ms=[3.0, 1.0, 2.0, 4.0], texts=["a"] * 5, failed=1))
    assert figures == Figures(per_second=2, p50=2, p95=4, p99=4)
    assert medians([figures, Figures(4, 6, 8, 9), Figures(3, 1, 9, 5)]) == Figures(3, 2, 8, 5)


def test_texts_are_compared_where_both_sides_have_them() -> None:
    assert share_alike({1: "a", 2: "b", 3: "c"}, {2: "b", 3: "x", 4: "d"}) == 0.5
    assert share_alike({1: "a"}, {2: "a"}) == 1


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_each_caller_has_requests_and_each_request_is_known(scale: float) -> None:
    asked = [Asked({"product_name": str(number)}, "", 48, 32) for number in range(needed(scale))]
    callers = [1, 8, 64, 128]
    plan = Plan(cast("Any", None), asked, callers, scale)
    for each in callers:
        numbers = plan.of(each)
        assert len(numbers) >= each
        assert set(numbers) <= set(range(len(asked)))
    assert plan.of(64) == (list(range(512)) * 2 if scale == 1 else [*range(51), *range(51)])


@pytest.mark.parametrize(
    ("name", "command", "found"),
    [
        ("ray::ServeRepli", "ray::ServeReplica:adcraft:generator", "generator"),
        ("ray::ServeRepli", "ray::ServeReplica:adcraft:ingress.handle_request_with_rejection", "ingress"),
        ("ray::ProxyActor", "ray::ProxyActor.ready", "ProxyActor"),
        ("haproxy", "/opt/ray/haproxy -f /tmp/haproxy.cfg", "haproxy"),
        (
            "python",
            "/venv/bin/python -m benchmarks.serving.peers.batcher_server /bundle 20001",
            "batcher_server",
        ),
        ("raylet", "/ray/raylet --raylet_socket_name=x", "raylet"),
    ],
)
def test_a_process_is_named_by_what_it_is_for(name: str, command: str, found: str) -> None:
    assert role(name, command) == found


def test_fields_make_a_prompt_of_the_size_wanted() -> None:
    record = {"product_name": "Tea Pot", "brand": "Aera", "price": "9.90", "category": "Kitchen"}
    short, long = ("product_name", "brand"), ("product_name", "brand", "price")
    assert sized(record, {short: 20, long: 47}) == ({name: record[name] for name in long}, 47)
    assert sized(record, {short: 20, long: 60}) is None


def lines(results: Results) -> dict[str, Entry]:
    return {entry.claim: entry for entry in entries(results)}


def put(results: Results, side: str, callers: int, rate: float, p50: float = 1, p95: float = 1) -> None:
    for more in (0.9, 1, 2):
        results.figures[side, callers].append(Figures(rate * more, p50 * more, p95 * more, p95 * more))


def test_nothing_measured_is_no_line() -> None:
    assert entries(Results()) == []


def all_measured() -> Results:
    """Everything just as good as it has to be."""
    results = Results()
    put(results, OURS, BUSY, 44)
    put(results, OURS, 1, 5, p50=104, p95=135)
    put(results, RAW, BUSY, 50)
    put(results, RAW, 1, 10, p50=100)
    put(results, sides.BATCHER.name, BUSY, 29)
    put(results, sides.RAY_SERVE.name, BUSY, 14)
    put(results, sides.TRANSFORMERS.name, 1, 2.2, p50=208)
    put(results, sides.TRANSFORMERS.name, BUSY, 1.4)
    put(results, sides.ONE_REPLICA.name, BUSY, 25)
    put(results, sides.CUT.name, BUSY, 58)
    put(results, f"{OURS} {HEALTH}", BUSY, 2500)
    put(results, f"{OURS} {CACHED}", BUSY, 2000)
    put(results, sides.PLAIN_RAY_SERVE.name, BUSY, 500)
    put(results, sides.PLAIN_UVICORN.name, BUSY, 6250)
    results.scalars |= {
        f"{OURS}: generator, MiB": [320.0],
        f"{OURS}: generator, MiB proportional": [250.0],
        f"{sides.TRANSFORMERS.name}: transformers_server, MiB": [800.0],
        "engine start, s": [9.0, 5.0, 4.0],
        "deploy, s": [12.0],
        OFFLINE: [100.0],
    }
    results.texts |= {name: {1: "a", 2: "b"} for name in (RAW, OURS, sides.BATCHER.name)}
    results.texts[sides.TRANSFORMERS.name] = {1: "a", 2: "x"}
    return results


def test_goals_that_are_just_met() -> None:
    found = lines(all_measured())
    goals = {claim: (entry.goal, entry.met) for claim, entry in found.items() if entry.goal is not None}
    assert goals == {
        "64 callers, requests/s over raw engine": (0.88, True),
        "64 callers, requests/s over micro-batcher": (1.5, True),
        "64 callers, requests/s over Ray Serve": (3, True),
        "64 callers, requests/s over transformers": (30, True),
        "64 callers, requests/s over transformers with its best number of callers": (20, True),
        "64 callers, requests/s with the cut vocabulary over the whole one": (1.3, True),
        "64 callers, requests/s of two replicas of one thread over one": (1.7, True),
        "1 caller, p50 in ms, at most the raw engine's + 4": (104, True),
        "1 caller, p50 over transformers'": (0.5, True),
        "1 caller, p95 over its own p50": (1.3, True),
        "GET /health, 64 callers, requests/s over plain Ray Serve": (5, True),
        "GET /health, 64 callers, requests/s over bare uvicorn": (0.4, True),
        "a cached answer, 64 callers, requests/s": (2000, True),
        "a replica's resident memory over that of a server with transformers": (0.4, True),
        "from a process's start to the engine's first text, s": (5, True),
        "share of texts that are those of raw engine": (1, True),
    }
    assert found["64 callers, requests/s over raw engine"].peers == {"ours": 44, "peer": 50}
    assert found["64 callers, requests/s over raw engine"].rounds == 3
    assert found["share of texts of transformers, in float32, that are those of raw engine"].value == 0.5
    assert found["serve deploy, to the first 200, s"].value == 12
    assert found["64 callers, requests/s over offline transformers on the GPU, batches of 256"].value == 0.44


def test_goals_that_are_missed() -> None:
    results = all_measured()
    put(results, OURS, BUSY, 5)
    put(results, OURS, 1, 5, p50=500, p95=600)
    put(results, OURS, 1, 5, p50=500, p95=900)
    results.figures[OURS, BUSY] = results.figures[OURS, BUSY][3:]
    results.figures[OURS, 1] = results.figures[OURS, 1][6:]
    results.texts[sides.BATCHER.name][2] = "x"
    results.scalars["engine start, s"].append(9.0)
    results.scalars[f"{OURS}: generator, MiB"] = [321.0]
    missed = {claim for claim, entry in lines(results).items() if entry.met is False}
    assert missed == {
        "64 callers, requests/s over raw engine",
        "64 callers, requests/s over micro-batcher",
        "64 callers, requests/s over Ray Serve",
        "64 callers, requests/s over transformers",
        "64 callers, requests/s over transformers with its best number of callers",
        "64 callers, requests/s of two replicas of one thread over one",
        "1 caller, p50 in ms, at most the raw engine's + 4",
        "1 caller, p50 over transformers'",
        "1 caller, p95 over its own p50",
        "a replica's resident memory over that of a server with transformers",
        "from a process's start to the engine's first text, s",
        "share of texts that are those of raw engine",
    }


def test_where_the_time_of_a_request_goes() -> None:
    results = Results()
    results.cpu_ms[OURS] += [{"generator": 30.0, "ingress": 2.0}, {"generator": 40.0}, {"generator": 32.0}]
    assert cpu_rows(results) == [
        (OURS, "generator", 32.0),
        (OURS, "ingress", 0.0),
        (OURS, "all", 32.0),
    ]


def test_prompts_and_calls_are_read_from_the_applications_metrics() -> None:
    text = """# TYPE adcraft_engine_batch_prompts histogram
adcraft_engine_batch_prompts_bucket{le="1.0"} 1
adcraft_engine_batch_prompts_bucket{le="+Inf"} 3
adcraft_engine_batch_prompts_sum 65
adcraft_engine_batch_prompts_count 3
adcraft_items_total{outcome="ok"} 65
"""
    assert parse(text) == EngineCalls(65, 3)


def test_batches_are_told() -> None:
    results = Results()
    results.scalars[f"{OURS}: {BATCH}"] += [29.0, 31.0, 30.0]
    assert [(entry.value, entry.goal) for entry in entries(results)] == [(30.0, None)]


def test_the_shipped_yaml_is_deployed_with_the_benchmarks_model(tmp_path: Path) -> None:
    bundle = seal_bundle(
        tmp_path,
        workload="ad_copy",
        base="scratch",
        dataset=DATASET,
        run=RunReference(id="0", name="none"),
        prompt=PromptSettings(fields=(), source_tokens=8, target_tokens=8),
        metrics={},
    )
    tree = deployed(
        BenchModel(tmp_path, bundle, bundle, bundle), 8123, ["serve.max_replicas=3", "ray.num_cpus=2"]
    )
    args = ServeArgs.model_validate(tree["applications"][0]["args"])
    assert (args.home, args.tracking.uri) == (str(tmp_path), f"sqlite:///{tmp_path}/mlflow.db")
    assert (args.serve.max_replicas, args.serve.min_replicas) == (3, 1)
    assert tree["http_options"]["port"] == 8123
