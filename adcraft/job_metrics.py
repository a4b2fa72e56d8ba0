"""What jobs observe as metrics of Ray's, which each node's agent shows to Prometheus."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from adcraft.metric_names import Metric

if TYPE_CHECKING:
    from ray.util.metrics import Counter, Gauge


class JobMetrics:
    """Counters and gauges of one process; nothing happens where it is connected to no Ray.

    Ray forgets a gauge that is not set again for a while, and whatever a process had when that has ended,
    but counters: those it shows as long as the node is there.
    """

    def __init__(self) -> None:
        self._made: dict[str, Counter | Gauge] = {}

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Add ``value`` to a counter, or set a gauge to it; ``labels`` are all that the metric has."""
        ray = sys.modules.get("ray")
        if ray is None or not ray.is_initialized():
            return
        from ray.util.metrics import Counter

        made = self._made.get(metric.name)
        if made is None:
            made = self._made[metric.name] = _make(metric)
        if not isinstance(made, Counter):
            made.set(value, labels)
        elif value > 0:  # Ray takes no nought
            made.inc(value, labels)


def _make(metric: Metric) -> Counter | Gauge:
    from ray.util.metrics import Counter, Gauge

    kinds: dict[str, type[Counter | Gauge]] = {"counter": Counter, "gauge": Gauge}
    names: Any = tuple(label.name for label in metric.labels)  # Ray's type has but one
    return kinds[metric.kind](metric.name, metric.description, names)
