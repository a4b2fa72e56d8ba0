"""What Ray's metrics are told, with classes in their place that need no Ray."""

from __future__ import annotations

from typing import Any

import pytest

from adcraft import metric_names as names
from serve_app.counting.meter import Meter
from serve_app.counting.ray_metrics import RayMetrics

Made = list[tuple[str, tuple[Any, ...]]]
Calls = list[tuple[str, str, float, dict[str, str]]]


@pytest.fixture
def ray_metrics(monkeypatch: pytest.MonkeyPatch) -> tuple[Made, Calls]:
    made: Made = []
    calls: Calls = []

    def stand_in(kind: str, method: str) -> type:
        def init(self: Any, name: str, *rest: Any) -> None:
            self.name = name
            made.append((kind, (name, *rest)))

        def call(self: Any, value: float, tags: dict[str, str]) -> None:
            calls.append((method, self.name, value, tags))

        return type(kind, (), {"__init__": init, method: call})

    for kind, method in (("Counter", "inc"), ("Gauge", "set"), ("Histogram", "observe")):
        monkeypatch.setattr(f"ray.serve.metrics.{kind}", stand_in(kind, method))
    return made, calls


def test_ray_is_told_what_the_meter_is_told(ray_metrics: tuple[Made, Calls]) -> None:
    made, calls = ray_metrics
    meter = Meter(RayMetrics())
    assert not made
    for _ in range(2):
        meter.observe(names.CACHE_LOOKUPS, outcome="hit")
    meter.observe(names.ENGINE_BUSY_SECONDS, 0)
    meter.observe(names.PREDICTION_SECONDS, 0.25, model_version="3")
    meter.observe(names.MODEL_INFO, 1, model_version="3", role="champion")
    meter.take()
    meter.clear(names.MODEL_INFO)
    meter.take()
    assert made == [
        (
            "Histogram",
            (
                "adcraft_prediction_seconds",
                names.PREDICTION_SECONDS.description,
                list(names.SECONDS),
                ("model_version",),
            ),
        ),
        ("Counter", ("adcraft_cache_lookups_total", names.CACHE_LOOKUPS.description, ("outcome",))),
        ("Counter", ("adcraft_engine_busy_seconds_total", names.ENGINE_BUSY_SECONDS.description, ())),
        ("Gauge", ("adcraft_model_info", names.MODEL_INFO.description, ("model_version", "role"))),
    ]
    assert calls == [
        ("observe", "adcraft_prediction_seconds", 0.25, {"model_version": "3"}),
        ("inc", "adcraft_cache_lookups_total", 2, {"outcome": "hit"}),
        ("set", "adcraft_model_info", 1, {"model_version": "3", "role": "champion"}),
        ("set", "adcraft_model_info", 0, {"model_version": "3", "role": "champion"}),
    ]


def test_a_gauge_that_is_set_again_is_never_at_nought(ray_metrics: tuple[Made, Calls]) -> None:
    """A replica takes its delta, and clears and sets its gauges after that: Prometheus looks in between."""
    _, calls = ray_metrics
    meter = Meter(RayMetrics())
    for version in ("3", "3", "4"):
        meter.clear(names.MODEL_INFO)
        meter.observe(names.MODEL_INFO, 1, model_version=version, role="champion")
        meter.take()
    assert [(value, tags["model_version"]) for _, _, value, tags in calls] == [
        (1, "3"), (1, "3"), (0, "3"), (1, "4"),
    ]  # fmt: skip
