"""How much one replica does: a closed loop of more and more callers, in this process, without HTTP."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from serve_app.messages import Job
from serve_app.scaling.autoscaling import Point

Submit = Callable[[Job], Awaitable[object]]
"""Writes for one job, together with others that are there. Raises where it can't."""

CALLERS = (1, 2, 4, 8, 16, 32, 64)

_FEWEST_ROUNDS = 4
_FEWEST_REQUESTS = 40
"""Of fewer a p95 is but the slowest or the one before it."""

_MOST_REQUESTS = 5000

_RISE = 1.03
"""A throughput that is not so many times the best one before is no higher: single runs differ by as much."""


async def measure(
    submit: Submit,
    jobs: Iterator[Job],
    *,
    useless_ms: float,
    callers: Sequence[int] = CALLERS,
    seconds: float = 8.0,
    clock: Callable[[], float] = time.perf_counter,
    seen: Callable[[Point], None] = lambda _: None,
) -> list[Point]:
    """The points of a replica's curve, one for each number of callers.

    Ends early where more callers got no more done, and half of the requests took longer than anybody waits.
    What ``submit`` raises goes through.

    Args:
        submit: the replica.
        jobs: what is written, one after the other; without end.
        useless_ms: a latency that nobody has a use for.
        callers: each of which has one request at a time; rising.
        seconds: for each point, about; a slow engine takes longer.
        clock: in seconds.
        seen: is told of each point as soon as it is there.
    """
    points: list[Point] = []
    for count in callers:
        point = await _point(submit, jobs, count, seconds, clock)
        seen(point)
        best = max((earlier.throughput_per_s for earlier in points), default=0.0)
        points.append(point)
        if point.throughput_per_s < _RISE * best and point.p50_ms > useless_ms:
            break
    return points


async def _point(
    submit: Submit, jobs: Iterator[Job], callers: int, seconds: float, clock: Callable[[], float]
) -> Point:
    """Each caller has as many requests as the others, so the last batches are as large as those before."""
    _, warm_up_s = await _rounds(submit, jobs, callers, 1, clock)
    fewest = max(_FEWEST_ROUNDS, math.ceil(_FEWEST_REQUESTS / callers))
    most = _MOST_REQUESTS // callers
    rounds = max(fewest, min(most, math.floor(seconds / warm_up_s) if warm_up_s else most))
    latencies, took_s = await _rounds(submit, jobs, callers, rounds, clock)
    return Point(
        concurrency=callers,
        throughput_per_s=len(latencies) / took_s,
        p50_ms=1000 * statistics.median(latencies),
        p95_ms=1000 * statistics.quantiles(latencies, n=20, method="inclusive")[-1],
    )


async def _rounds(
    submit: Submit, jobs: Iterator[Job], callers: int, rounds: int, clock: Callable[[], float]
) -> tuple[list[float], float]:
    """The latencies of all requests, and how long all of it took, in seconds."""
    latencies: list[float] = []

    async def call() -> None:
        for _ in range(rounds):
            job = next(jobs)
            began = clock()
            await submit(job)
            latencies.append(clock() - began)

    began = clock()
    await asyncio.gather(*(call() for _ in range(callers)))
    return latencies, clock() - began
