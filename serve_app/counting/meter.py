"""What one replica counts, until the control replica has it."""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import uuid
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from adcraft.metric_names import OTHER, Metric

log = logging.getLogger("ray.serve")

MOST_SERIES = 500
"""Different label values that one metric may have; what comes after them is counted as ``OTHER``."""

MOST_LINES = 500
"""Lines of the access log that one delta carries: the latest."""

Key = tuple[str, tuple[str, ...]]
"""A series: the metric's name, and the values of its labels."""


@dataclass(frozen=True)
class Distribution:
    """Observations of a histogram.

    Attributes:
        counts: of each bucket by itself, and of what is above the last bound.
        sum: of the values.
    """

    counts: tuple[int, ...]
    sum: float


@dataclass(frozen=True)
class Delta:
    """What was added since the delta before.

    Attributes:
        meter: whose it is.
        number: from 1; the same where it is sent again.
        counters: what was added to each.
        histograms: what was added to each.
        gauges: all of them, as they stand.
        lines: of the access log, the latest last.
    """

    meter: str
    number: int
    counters: Mapping[Key, float]
    histograms: Mapping[Key, Distribution]
    gauges: Mapping[Key, float]
    lines: tuple[str, ...] = ()


class Sink(Protocol):
    """Whatever else is told of what is observed."""

    def record(self, metric: Metric, values: tuple[str, ...], value: float) -> None:
        """Count, set or observe ``value`` for the label ``values``."""
        ...


class Meter:
    """Counters, histograms and gauges of one replica. Any thread may call it.

    At most one delta is on its way: take it, send it, and restore it if that failed.

    A call of Ray's metrics takes several times as long as an observation here. So a sink is told of
    counters and gauges when a delta is taken, their sums; of a histogram's values at once.
    """

    def __init__(self, sink: Sink | None = None) -> None:
        """Nothing is counted yet.

        Args:
            sink: is told of everything too, such as Ray's metrics.
        """
        self._id = uuid.uuid4().hex
        self._sink = sink
        self._lock = threading.Lock()
        self._metrics: dict[str, Metric] = {}
        self._known: dict[str, dict[tuple[str, ...], Key]] = {}
        self._taken = 0
        self._unsent: Delta | None = None
        self._counters: dict[Key, float] = {}
        self._histograms: dict[Key, _Buckets] = {}
        self._gauges: dict[Key, float] = {}
        self._for_sink: dict[Key, float] = {}
        self._gone: set[Key] = set()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)

    def observe(self, metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        """Add to a counter, set a gauge, or observe in a histogram.

        Raises:
            ValueError: the labels are not the metric's, or it can't take the value.
            TypeError: a label's value is no text.
        """
        try:
            values = tuple([labels[label.name] for label in metric.labels])
            key = self._known[metric.name][values]
        except KeyError:
            key = self._new_key(metric, labels)
        if len(labels) != len(metric.labels):
            raise _wrong_labels(metric, labels)
        if metric.kind != "gauge" and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{metric.name} is a {metric.kind} and can't take {value}.")
        with self._lock:
            if metric.kind == "counter":
                self._counters[key] = self._counters.get(key, 0.0) + value
                if self._sink:
                    self._for_sink[key] = self._for_sink.get(key, 0.0) + value
            elif metric.kind == "gauge":
                self._gauges[key] = value
            else:
                buckets = self._histograms.get(key)
                if buckets is None:
                    buckets = self._histograms[key] = _Buckets(metric.buckets)
                buckets.add(value)
        if self._sink and metric.kind == "histogram":
            self._sink.record(metric, key[1], value)

    def clear(self, gauge: Metric) -> None:
        """Let go of a gauge's series, before those that hold now are set."""
        with self._lock:
            gone = [key for key in self._gauges if key[0] == gauge.name]
            for key in gone:
                del self._gauges[key]
            if self._sink:
                self._gone.update(gone)

    def note(self, line: str) -> None:
        """Keep a line of the access log for the next delta."""
        with self._lock:
            self._lines.append(line)

    def take(self) -> Delta:
        """What was added since the last time; or, as it was, the delta that was restored."""
        self._tell_sink()
        with self._lock:
            if self._unsent:
                delta, self._unsent = self._unsent, None
                return dataclasses.replace(delta, gauges=dict(self._gauges))
            self._taken += 1
            counters, self._counters = self._counters, {}
            histograms, self._histograms = self._histograms, {}
            lines = tuple(self._lines)
            self._lines.clear()
            return Delta(
                self._id,
                self._taken,
                counters,
                {key: buckets.distribution() for key, buckets in histograms.items()},
                dict(self._gauges),
                lines,
            )

    def restore(self, delta: Delta) -> None:
        """Have a delta, of which nobody knows whether it arrived, taken again.

        Raises:
            ValueError: it is not the one that was taken last.
        """
        with self._lock:
            if (delta.meter, delta.number) != (self._id, self._taken):
                raise ValueError(
                    f"Delta {delta.number} of meter {delta.meter} is not the one that was taken last, which "
                    f"is {self._taken} of {self._id}."
                )
            self._unsent = delta

    def _tell_sink(self) -> None:
        if not self._sink:
            return
        with self._lock:
            counters, self._for_sink = self._for_sink, {}
            # Ray forgets no series. One that is set again at once must not be seen at nought in between.
            gauges = {**dict.fromkeys(self._gone, 0.0), **self._gauges}
            self._gone.clear()
        for (name, values), value in (*counters.items(), *gauges.items()):
            self._sink.record(self._metrics[name], values, value)

    def _new_key(self, metric: Metric, labels: Mapping[str, str]) -> Key:
        """The series of label values that have not been seen yet, or are among too many to be told apart."""
        if labels.keys() != {label.name for label in metric.labels}:
            raise _wrong_labels(metric, labels)
        for name, value in labels.items():
            if not isinstance(value, str):
                raise TypeError(f"{metric.name}: the label {name} must be text, and is {value!r}.")
        values = tuple(
            labels[label.name] if not label.values or labels[label.name] in label.values else OTHER
            for label in metric.labels
        )
        with self._lock:
            self._metrics[metric.name] = metric
            known = self._known.setdefault(metric.name, {})
            if values not in known and len(known) >= MOST_SERIES:
                values = tuple(
                    value if label.values else OTHER
                    for label, value in zip(metric.labels, values, strict=True)
                )
            key = known.get(values)
            if key is None:
                key = known[values] = (metric.name, values)
                if len(known) == MOST_SERIES:
                    log.warning(
                        "%s has %d series; further ones are counted as one.", metric.name, MOST_SERIES
                    )
            return key


def _wrong_labels(metric: Metric, labels: Mapping[str, str]) -> ValueError:
    names = [label.name for label in metric.labels]
    return ValueError(f"{metric.name} has the labels {names}, and was given {sorted(labels)}.")


class _Buckets:
    """Counts of a histogram while they grow."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def distribution(self) -> Distribution:
        return Distribution(tuple(self._counts), self._sum)
