"""Progress from the workers to the driver, and the word to stop the other way: an actor between them.

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
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

log = logging.getLogger(__name__)

Event = dict[str, Any]
"""``{"kind": "step", ...}``, ``{"kind": "epoch", "metrics": {...}, "samples": [...]}``, or
``{"kind": "phase", "name": "validating", "time_ms": ...}``.
"""

_STEP_INTERVAL_S = 1.0
_DRAIN_INTERVAL_S = 1.0


def phase(name: str) -> Event:
    """What is done from now on."""
    return {"kind": "phase", "name": name, "time_ms": int(time.time() * 1000)}


ReasonToStop = Callable[[], str]
"""Is asked every second; what is not empty ends the training."""


class ProgressSink:
    """Holds events until the driver takes them."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._over = False

    def add(self, events: list[Event]) -> bool:
        """Append events; whether the training is to end."""
        self._events += events
        return self._over

    def stop(self) -> None:
        """Have the training end; rank 0 hears of it when it next sends something."""
        self._over = True

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
        self._answer: Any = None
        self._over = False

    @property
    def told_to_stop(self) -> bool:
        """Whether the driver wants the training to end."""
        if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
            self._over, self._answer = ray.get(self._answer), None
        return self._over

    def step(self, **values: float) -> None:
        """Note one optimizer step."""
        self._waiting.append({"kind": "step", "time_ms": int(time.time() * 1000), **values})
        if time.monotonic() - self._sent >= _STEP_INTERVAL_S:
            self._send()

    def phase(self, name: str) -> None:
        """Note what is done now, since no step will tell for a while."""
        self._waiting.append(phase(name))
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
        self._answer = self._sink.add.remote(self._waiting)
        self._waiting = []
        self._sent = time.monotonic()


class ProgressDrain:
    """The driver's end: a thread that hands events on until it is closed; every second, even if there
    are none.

    Attributes:
        stopped: why the training was told to stop; "" if it was not.
    """

    def __init__(self, handle: Callable[[list[Event]], None], reason_to_stop: ReasonToStop) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        sink: Any = ray.remote(ProgressSink)
        # Where the driver is: on another node it could be lost while training goes on.
        self.sink: Any = sink.options(num_cpus=0, scheduling_strategy=here).remote()
        self.stopped = ""
        self._handle = handle
        self._reason_to_stop = reason_to_stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="adcraft-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=30)
        ray.kill(self.sink)

    def _told_to_stop(self) -> bool:
        """Whether there is a reason to stop; where that can't be read, it is asked again."""
        try:
            self.stopped = self.stopped or self._reason_to_stop()
        except (OSError, ValueError) as error:
            log.warning("whether to stop could not be read: %s", error)
        return bool(self.stopped)

    def _run(self) -> None:
        over = False
        while not over:
            over = self._over.wait(_DRAIN_INTERVAL_S)
            try:
                events = ray.get(self.sink.drain.remote())
                try:
                    self._handle(events)
                except Exception:
                    log.exception("progress could not be shown")
                if self._told_to_stop():
                    ray.get(self.sink.stop.remote())
            except RayError as error:  # Ray has gone, and trainer.fit() says so
                log.debug("no progress: %s", error)
                return
