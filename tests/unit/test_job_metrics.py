"""What Ray's metrics are told of jobs, with classes in their place that need no Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adcraft import metric_names as names
from adcraft.data.manifest import RowCounts
from adcraft.data.preparation import _count_rows
from adcraft.job_metrics import JobMetrics
from adcraft.training.monitor import RunMonitor
from tests.sweeps import epoch, open_study, sweep_settings
from tuning.study import FAILED, FINISHED, KILLED
from tuning.watch import Watch

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
STEP = {"kind": "step", "time_ms": 1, "step": 7, "epoch": 1, "epochs": 2, "progress": 0.5, "loss": 2.5,
        "tokens": 300, "seconds": 2.0}  # fmt: skip


@pytest.fixture
def series(monkeypatch: pytest.MonkeyPatch) -> Series:
    """By name and labels, what a counter counted and a gauge was set to last."""
    found: Series = {}

    class Made:
        def __init__(self, name: str, description: str, labels: tuple[str, ...]) -> None:
            self.name, self.labels = name, labels

        def _key(self, tags: dict[str, str]) -> Any:
            assert tuple(tags) == self.labels
            return self.name, tuple(tags.items())

    class Counter(Made):
        def inc(self, value: float, tags: dict[str, str]) -> None:
            assert value > 0, "Ray takes no nought"
            found[self._key(tags)] = found.get(self._key(tags), 0) + value

    class Gauge(Made):
        def set(self, value: float, tags: dict[str, str]) -> None:
            found[self._key(tags)] = value

    monkeypatch.setattr("ray.util.metrics.Counter", Counter)
    monkeypatch.setattr("ray.util.metrics.Gauge", Gauge)
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    return found


def key(metric: names.Metric, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return metric.name, tuple(labels.items())


def test_without_a_ray_nothing_is_made(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    JobMetrics().record(names.TRAINING_STEP, 1)
    assert not series


def test_rows_by_what_became_of_them(series: Series) -> None:
    rows = RowCounts.model_validate({"in": 12, "kept": 9, "rejected": 0, "duplicates": 3})
    _count_rows(rows)
    _count_rows(rows)
    assert series == {
        key(names.PREPARE_ROWS, outcome="kept"): 18,
        key(names.PREPARE_ROWS, outcome="duplicate"): 6,
    }


class Silent:
    """Stands for MLflow's run."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: False


def test_where_a_training_is_is_said_again_and_again(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcraft.training.monitor.TextCodec", SimpleNamespace(load=lambda _: None))
    run_log: Any = Silent()
    monitor = RunMonitor(run_log, Path(), [], lambda *_: "")
    monitor.handle([])
    assert not series
    metrics = {**epoch(1, 2.0), "train_loss": 2.25}
    monitor.handle([STEP])
    assert key(names.TRAINING_EPOCH) not in series
    monitor.handle([{"kind": "epoch", "time_ms": 2, "metrics": metrics, "samples": [], "stopped": ""}])
    expected = {
        key(names.TRAINING_STEP): 7,
        key(names.TRAINING_LOSS, split="train"): 2.5,
        key(names.TRAINING_SPEED): 150,
        key(names.TRAINING_EPOCH): 1,
        key(names.TRAINING_LOSS, split="validation"): 2.0,
    }
    assert series == expected
    series.clear()
    monitor.handle([])  # nothing new; Ray forgets what is not set again
    assert series == expected
    monitor.handle([{**STEP, "step": 8, "loss": 0.0}])  # of which rank 0 had no part
    assert series == {**expected, key(names.TRAINING_STEP): 8}


def test_trials_by_state(series: Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(sweep_settings(tmp_path))
    for _ in range(4):
        study.next_trial()
    for number, status in enumerate((FINISHED, KILLED, FAILED)):
        study.end(number, status)
    children: Any = Silent()
    monkeypatch.setattr("tuning.watch._GAUGES_INTERVAL_S", 0)
    Watch(study, children).tick()
    expected = {"pending": 2, "running": 1, "finished": 1, "stopped": 1, "failed": 1}
    assert series == {key(names.SWEEP_TRIALS, state=state): count for state, count in expected.items()}
    assert set(expected) == set(names.SWEEP_TRIALS.labels[0].values)
    study.pause(3)
    assert (study.states()["pending"], study.states()["running"]) == (3, 0)
    assert sum(study.states().values()) == 6
