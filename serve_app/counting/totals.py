"""What all replicas counted, added up: for Prometheus, and for /stats."""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from adcraft.metric_names import REPLICAS, SERVED, Metric
from serve_app.counting.meter import MOST_SERIES, Delta, Distribution, Key

log = logging.getLogger("ray.serve")

SILENT_AFTER_S = 10.0
"""A replica that has said nothing for so long is not there."""

WINDOW_S = 60.0
"""What is said per second is the mean of so many."""

_METERS = 1000
_SERVED = {metric.name: metric for metric in SERVED}

Amount = TypeVar("Amount", float, Distribution)


@dataclass
class _Replica:
    deployment: str
    heard: float
    gauges: Mapping[Key, float]


class Totals:
    """Counters and histograms of all replicas there have been, gauges of those that there are.

    Belongs to one thread. Of each metric it keeps ``MOST_SERIES``, those that changed last.

    Attributes:
        since: when it began to count.
    """

    def __init__(
        self, *, silent_after_s: float = SILENT_AFTER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is counted yet.

        Args:
            silent_after_s: when a replica that says nothing is forgotten, with its gauges.
            clock: seconds.
        """
        self.since = datetime.now(UTC)
        self._silent_after_s = silent_after_s
        self._clock = clock
        self._started = clock()
        self._replicas: dict[str, _Replica] = {}
        self._numbers: dict[str, int] = {}
        self._strange: set[str] = set()
        self._recent: deque[tuple[float, dict[str, float]]] = deque()
        self._counters: dict[str, dict[tuple[str, ...], float]] = {}
        self._histograms: dict[str, dict[tuple[str, ...], Distribution]] = {}
        for metric in SERVED:
            if metric.kind == "counter":
                # From nought, so that Prometheus sees the first one as an increase.
                known = itertools.product(*(label.values for label in metric.labels))
                self._counters[metric.name] = dict.fromkeys(known, 0.0)
            elif metric.kind == "histogram":
                self._histograms[metric.name] = {}
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(self))

    @property
    def uptime_s(self) -> float:
        """How long it has counted."""
        return self._clock() - self._started

    def add(self, deployment: str, replica: str, delta: Delta) -> bool:
        """Add what a replica counted.

        Of one meter, deltas come in the order of their numbers.

        Returns:
            Whether it is new. It is not where it was sent twice, since nobody knew that it had arrived.
        """
        self._replicas[replica] = _Replica(deployment, self._clock(), delta.gauges)
        last = self._numbers.pop(delta.meter, 0)
        self._numbers[delta.meter] = max(last, delta.number)
        if len(self._numbers) > _METERS:
            del self._numbers[next(iter(self._numbers))]
        if delta.number <= last:
            return False
        added: dict[str, float] = {}
        for (name, values), amount in delta.counters.items():
            if self._fits(name, values, self._counters):
                _put(self._counters[name], values, amount, lambda old, new: old + new)
                added[name] = added.get(name, 0.0) + amount
        for (name, values), seen in delta.histograms.items():
            if self._fits(name, values, self._histograms, len(seen.counts)):
                _put(self._histograms[name], values, seen, _both)
        self._recent.append((self._clock(), added))
        self._forget()
        return True

    def counts(self, metric: Metric) -> Mapping[tuple[str, ...], float]:
        """A counter's value by the values of its labels."""
        return self._counters[metric.name]

    def distributions(self, metric: Metric) -> Mapping[tuple[str, ...], Distribution]:
        """A histogram's observations by the values of its labels."""
        return self._histograms[metric.name]

    def gauges(self, metric: Metric) -> list[tuple[str, tuple[str, ...], float]]:
        """Replica, values of the labels, and value of each series of a gauge."""
        self._forget()
        if metric == REPLICAS:
            there = Counter(replica.deployment for replica in self._replicas.values())
            return [("", (deployment,), count) for deployment, count in sorted(there.items())]
        return [
            (name, values, value)
            for name, replica in sorted(self._replicas.items())
            for (of, values), value in replica.gauges.items()
            if of == metric.name and len(values) == len(metric.labels)
        ]

    def per_s(self, metric: Metric) -> float:
        """What was added to a counter per second, over the last ``WINDOW_S``, or as long as there was."""
        self._forget()
        added = sum(amounts.get(metric.name, 0.0) for _, amounts in self._recent)
        return added / max(1.0, min(WINDOW_S, self.uptime_s))

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)

    def _fits(self, name: str, values: tuple[str, ...], kept: Mapping[str, object], counts: int = 0) -> bool:
        """Whether a series is as it is known here; it may not be while one release takes another's place."""
        metric = _SERVED.get(name)
        if (
            metric
            and name in kept
            and len(values) == len(metric.labels)
            and counts == (len(metric.buckets) + 1 if metric.buckets else 0)
        ):
            return True
        if name not in self._strange and len(self._strange) < MOST_SERIES:
            self._strange.add(name)
            log.warning("%s %s of a replica is not known here, and is left out.", name, values)
        return False

    def _forget(self) -> None:
        now = self._clock()
        gone = [name for name, one in self._replicas.items() if now - one.heard > self._silent_after_s]
        for name in gone:
            del self._replicas[name]
        while self._recent and now - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()


def _put(
    series: dict[tuple[str, ...], Amount],
    values: tuple[str, ...],
    amount: Amount,
    plus: Callable[[Amount, Amount], Amount],
) -> None:
    """Add to a series, which then is the last one; the first one goes if there are too many."""
    old = series.pop(values, None)
    series[values] = amount if old is None else plus(old, amount)
    if len(series) > MOST_SERIES:
        del series[next(iter(series))]


def _both(one: Distribution, other: Distribution) -> Distribution:
    counts = tuple(mine + more for mine, more in zip(one.counts, other.counts, strict=True))
    return Distribution(counts, one.sum + other.sum)


class _Collector(Collector):
    """The totals as ``prometheus_client`` wants them. Gauges have their replica as one more label."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterator[Family]:
        for metric in SERVED:
            names = [label.name for label in metric.labels]
            if metric.kind == "counter":
                counter = CounterMetricFamily(metric.name, metric.description, labels=names)
                for values, value in self._totals.counts(metric).items():
                    counter.add_metric(values, value)
                yield counter
            elif metric.kind == "histogram":
                histogram = HistogramMetricFamily(metric.name, metric.description, labels=names)
                bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
                for values, seen in self._totals.distributions(metric).items():
                    below = itertools.accumulate(seen.counts)
                    histogram.add_metric(values, list(zip(bounds, below, strict=True)), seen.sum)
                yield histogram
            else:
                of_application = metric == REPLICAS
                gauge = GaugeMetricFamily(
                    metric.name, metric.description, labels=names if of_application else [*names, "replica"]
                )
                for replica, values, value in self._totals.gauges(metric):
                    gauge.add_metric(values if of_application else [*values, replica], value)
                yield gauge
