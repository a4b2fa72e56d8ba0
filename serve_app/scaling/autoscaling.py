"""How many requests a replica is to have, from its measured curve and a latency target. Knows no Ray.

Serve's autoscaler (``ray/serve/autoscaling_policy.py``) wants ``ongoing / target_ongoing_requests`` replicas,
where ``ongoing`` counts what replicas work on and what waits for them.
"""

from __future__ import annotations

import bisect
import itertools
import math
from dataclasses import dataclass

from pydantic import Field, field_validator

from adcraft.settings import Strict

START_S = 15.0
"""Until a new replica answers; 7 to 15 s were seen, of process, imports, engine and a first text."""

METRICS_INTERVAL_S = 1.0
"""Between two reports of a handle to Serve's controller. Serve's 10 s alone would be most of a scale-up."""

LOOK_BACK_S = 4.0
"""The controller averages over it. A load that jumps from nothing to twice the target is seen after half of
it: 15 s with Serve's 30. It is longer than the interval, and a few engine calls long, or it would see single
batches."""

HEADROOM = 0.25
"""The part of the bearable load that is kept free: load that grows by a third until the new replica answers
still meets the target."""

DEFAULT_TARGET_ONGOING, DEFAULT_MAX_ONGOING, DEFAULT_MAX_QUEUED = 16, 64, 256
"""Without a measured curve."""

_SATURATED = 0.95
"""Of the best throughput: the point from which on more callers only wait longer."""

_TIMELY = 0.8
"""Of the time that a request has, for what is planned to wait: the engine is not always at its best."""

_MAX_RETRY_AFTER_S = 60


class Point(Strict):
    """What one replica did with so many requests at once."""

    concurrency: int = Field(ge=1)
    throughput_per_s: float = Field(gt=0, allow_inf_nan=False)
    p50_ms: float = Field(gt=0, allow_inf_nan=False)
    p95_ms: float = Field(gt=0, allow_inf_nan=False)


class Curve(Strict):
    """Points of rising concurrency. Between them everything is taken to be straight, beyond them level."""

    points: tuple[Point, ...] = Field(min_length=1)

    @field_validator("points")
    @classmethod
    def _rise(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        at = [point.concurrency for point in points]
        if any(one >= other for one, other in itertools.pairwise(at)):
            raise ValueError(f"the concurrencies {at} do not rise")
        return points

    @property
    def quickest(self) -> Point:
        """The point of the lowest p95."""
        return min(self.points, key=lambda point: point.p95_ms)

    @property
    def throughput_per_s(self) -> float:
        """The best there is."""
        return max(point.throughput_per_s for point in self.points)

    @property
    def saturation(self) -> int:
        """The lowest concurrency that gets (nearly) the best throughput."""
        enough = _SATURATED * self.throughput_per_s
        return next(point.concurrency for point in self.points if point.throughput_per_s >= enough)

    def p95_at(self, concurrency: float) -> float:
        """In ms."""
        index = bisect.bisect_left([point.concurrency for point in self.points], concurrency)
        if index == 0:
            return self.points[0].p95_ms
        if index == len(self.points):
            return self.points[-1].p95_ms
        low, high = self.points[index - 1], self.points[index]
        part = (concurrency - low.concurrency) / (high.concurrency - low.concurrency)
        return low.p95_ms + part * (high.p95_ms - low.p95_ms)

    def concurrency_within(self, latency_ms: float) -> float | None:
        """The largest concurrency whose p95 is at most that; None where none is."""
        within = [index for index, point in enumerate(self.points) if point.p95_ms <= latency_ms]
        if not within:
            return None
        low = self.points[within[-1]]
        if low is self.points[-1]:
            return float(low.concurrency)
        high = self.points[within[-1] + 1]
        part = (latency_ms - low.p95_ms) / (high.p95_ms - low.p95_ms)
        return low.concurrency + part * (high.concurrency - low.concurrency)


@dataclass(frozen=True)
class Scaling:
    """Limits of the generator deployment.

    Attributes:
        target_ongoing_requests: per replica; more of them call for another.
        max_ongoing_requests: that a replica takes on at a time.
        max_queued_requests: that wait in front of the replicas; more are refused.
    """

    target_ongoing_requests: float = DEFAULT_TARGET_ONGOING
    max_ongoing_requests: int = DEFAULT_MAX_ONGOING
    max_queued_requests: int = DEFAULT_MAX_QUEUED


def scale_for(
    curve: Curve, latency_target_ms: float, *, request_timeout_s: float, replicas: int = 1
) -> Scaling:
    """The limits by which replicas like the measured one keep to a latency.

    A target that no point meets gives the limits of the quickest one; ``check_scaling`` refuses it.

    Args:
        curve: of one replica.
        latency_target_ms: that 95 of 100 requests are to be answered within.
        request_timeout_s: after which an answer is given up.
        replicas: that there are without load; 0 counts as 1, which is started for the first request.
    """
    bearable = curve.concurrency_within(latency_target_ms) or float(curve.quickest.concurrency)
    # While the engine writes as many as it does best, as many lie ready. More than that could no longer go to
    # a replica that is added meanwhile.
    max_ongoing = max(2 * curve.saturation, math.ceil(bearable))
    # The last that is let in is answered in time even if no replica is added.
    in_time = _TIMELY * request_timeout_s * curve.throughput_per_s - max_ongoing
    return Scaling(
        target_ongoing_requests=(1 - HEADROOM) * bearable,
        max_ongoing_requests=max_ongoing,
        max_queued_requests=max(1, math.floor(in_time * max(1, replicas))),
    )


def retry_after_s(waiting: float, throughput_per_s: float) -> int:
    """Seconds until what waits now is done: 1 to 60, for ``Retry-After``.

    Args:
        waiting: requests in front of the one that is refused.
        throughput_per_s: requests done in a second, by all replicas; 0 where nothing is done.
    """
    if waiting <= 0:
        return 1
    if not waiting < _MAX_RETRY_AFTER_S * throughput_per_s:  # nothing is known of NaN either
        return _MAX_RETRY_AFTER_S
    return max(1, math.ceil(waiting / throughput_per_s))
