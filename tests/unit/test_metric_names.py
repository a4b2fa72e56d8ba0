"""Names of metrics, as Prometheus's own linter would have them."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from adcraft import metric_names
from adcraft.metric_names import ALL, JOBS, SERVED, Metric

BASE_UNITS = {"seconds", "tokens", "prompts", "requests", "items", "texts", "rows", "nats", "epochs", "steps",
              "trials", "swaps", "comparisons", "lookups", "tokens per second", ""}  # fmt: skip
NOT_BASE = re.compile(r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)")


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_is_well_formed(metric: Metric) -> None:
    assert re.fullmatch(r"adcraft(_[a-z]+)+", metric.name)
    assert not NOT_BASE.search(metric.name)
    assert metric.unit in BASE_UNITS
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(count|sum|bucket|info_total)$", metric.name)
    assert not re.search(r"_(counter|gauge|histogram)(_|$)", metric.name), "the kind is no part of a name"
    if metric.unit in {"seconds", "nats"}:
        assert f"_{metric.unit}" in metric.name
    assert metric.description.endswith(".")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert all(bucket > 0 for bucket in metric.buckets), "Ray takes no others"


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_labels_are_well_formed(metric: Metric) -> None:
    names = [label.name for label in metric.labels]
    assert len(set(names)) == len(names)
    for label in metric.labels:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", label.name)
        # Prometheus's and Ray Serve's own, and what would be one for each product or caller.
        taken = {"le", "job", "instance", "replica", "application", "product", "key", "path", "request_id"}
        assert label.name not in taken
        assert len(set(label.values)) == len(label.values)


def test_names_are_unique_and_none_is_forgotten() -> None:
    names = [metric.name for metric in ALL]
    assert len(set(names)) == len(names)
    # A histogram's series must not be taken for another metric.
    assert not {f"{name}_{end}" for name in names for end in ("bucket", "count", "sum")} & set(names)
    constants = [value for value in vars(metric_names).values() if isinstance(value, Metric)]
    assert {id(metric) for metric in constants} == {id(metric) for metric in ALL}
    assert len(constants) == len(ALL)
    assert not set(SERVED) & set(JOBS)


def test_the_module_is_light() -> None:
    tree = ast.parse(Path(metric_names.__file__).read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert found == {"__future__", "dataclasses", "typing"}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))


def test_seconds_are_fine_enough_for_percentiles() -> None:
    seconds = metric_names.SECONDS
    assert (seconds[0], seconds[-1]) == (0.0005, 60.0)
    assert max(above / below for below, above in itertools.pairwise(seconds)) < 1.5
