"""Who is let in when more comes than can be answered: those who wait themselves before batches."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator

from adcraft import metric_names as names
from adcraft.settings import ServeSettings
from serve_app.counting.meter import Meter
from serve_app.http.faults import OVERLOADED, ApiError
from serve_app.scaling.autoscaling import retry_after_s

_BATCH_SHARE = 0.5
_WINDOW_S = 10.0


def capacity(settings: ServeSettings) -> int:
    """Requests that all generators together take on, and that wait before them."""
    return settings.max_ongoing_requests * settings.max_replicas + settings.max_queued_requests


class Admission:
    """The doors of one ingress replica: one for requests of a product, one for parts of batches."""

    def __init__(self, most: int, meter: Meter, clock: Callable[[], float] = time.monotonic) -> None:
        """Open.

        Args:
            most: requests and parts of batches that may be inside; parts of batches take up to half of it.
            meter: counts who was refused.
            clock: seconds.
        """
        self._most = most
        self._meter = meter
        self._room_for_batches = asyncio.Semaphore(max(1, int(most * _BATCH_SHARE)))
        self._inside = 0
        self._clock = clock
        self._left: deque[float] = deque()

    @property
    def inside(self) -> int:
        """Requests and parts of batches that are being answered."""
        return self._inside

    @contextlib.contextmanager
    def urgent(self) -> Iterator[None]:
        """One request that somebody waits for.

        Raises:
            ApiError: 429 there is no room; it says when to come back.
        """
        if self._inside >= self._most:
            self._meter.observe(names.REFUSED_REQUESTS, reason="queue_full", priority="interactive")
            raise self.full()
        with self._counted():
            yield

    @contextlib.asynccontextmanager
    async def patient(self) -> AsyncIterator[None]:
        """One part of a batch, which waits until there is room."""
        async with self._room_for_batches:
            with self._counted():
                yield

    def full(self) -> ApiError:
        """429, with the seconds after which what is inside now should be answered."""
        seconds = retry_after_s(self._inside, self._per_second())
        return ApiError(
            429,
            OVERLOADED,
            f"{self._inside} requests wait already, as many as may. Try again in {seconds} s.",
            {"Retry-After": str(seconds)},
        )

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._left.append(self._clock())
            self._forget()

    def _per_second(self) -> float:
        """How many left in the last seconds."""
        self._forget()
        return len(self._left) / _WINDOW_S

    def _forget(self) -> None:
        since = self._clock() - _WINDOW_S
        while self._left and self._left[0] < since:
            self._left.popleft()
