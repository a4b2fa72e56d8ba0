"""Progress from the workers to the driver: an actor that rank 0 writes to and the driver drains.

So the driver alone talks to MLflow and the terminal, wherever the workers run, and training goes on
while either is slow.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import ray
from ray.exceptions import RayError

log = logging.getLogger(__name__)

Event = dict[str, Any]
"""``{"kind": "step", ...}``, ``{"kind": "epoch", "metrics": {...}, "samples": [...]}``, or
``{"kind": "phase", "name": "validating"}``.
"""

_STEP_INTERVAL_S = 1.0
_DRAIN_INTERVAL_S = 1.0


class ProgressSink:
    """Holds events until the driver takes them."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def add(self, events: list[Event]) -> None:
        """Append events."""
        self._events += events

    def drain(self) -> list[Event]:
        """Take all events."""
        events, self._events = self._events, []
        return events


class Reporter:
    """Rank 0's end. Steps are sent together, at most once a second; nothing waits for the answer."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._waiting: list[Event] = []
        self._sent = time.monotonic()

    def step(self, **values: float) -> None:
        """Note one optimizer step."""
        self._waiting.append({"kind": "step", "time_ms": int(time.time() * 1000), **values})
        if time.monotonic() - self._sent >= _STEP_INTERVAL_S:
            self._send()

    def phase(self, name: str) -> None:
        """Note what is done now, since no step will tell for a while."""
        self._waiting.append({"kind": "phase", "name": name})
        self._send()

    def epoch(self, metrics: dict[str, float], samples: list[list[int]], stopped: str) -> None:
        """Note the end of an epoch, with the ids generated for the sample products."""
        self._waiting.append(
            {
                "kind": "epoch",
                "time_ms": int(time.time() * 1000),
                "metrics": metrics,
                "samples": samples,
                "stopped": stopped,
            }
        )
        self._send()
        ray.get(self._sink.add.remote([]))  # the last epoch must arrive before the worker ends

    def _send(self) -> None:
        self._sink.add.remote(self._waiting)
        self._waiting = []
        self._sent = time.monotonic()


class ProgressDrain:
    """The driver's end: a thread that hands events on until it is closed; every second, even if there
    are none.
    """

    def __init__(self, handle: Callable[[list[Event]], None]) -> None:
        self.sink: Any = ray.remote(num_cpus=0)(ProgressSink).remote()
        self._handle = handle
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="adcraft-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=30)
        ray.kill(self.sink)

    def _run(self) -> None:
        over = False
        while not over:
            over = self._over.wait(_DRAIN_INTERVAL_S)
            try:
                events = ray.get(self.sink.drain.remote())
            except RayError as error:  # Ray has gone, and trainer.fit() says so
                log.debug("no progress: %s", error)
                return
            try:
                self._handle(events)
            except Exception:
                log.exception("progress could not be shown")
