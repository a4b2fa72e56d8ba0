"""The beat of a replica: every second it tells the control replica how it is, and hears which models to
use.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from serve_app.counting.meter import Meter
from serve_app.messages import Assignment, Beat, Shelf

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

log = logging.getLogger("ray.serve")

BEAT_S = 1.0
_ANSWER_S = 5.0
_LAST_ANSWER_S = 1.0
"""The application may be ending, the control replica with it."""
_FIRST_ANSWER_S = 120.0
"""The control replica may still be connecting to MLflow."""


class Heart:
    """Beats until its replica ends. While nobody answers, the replica goes on with what it has."""

    def __init__(
        self,
        control: DeploymentHandle[Any],
        deployment: str,
        meter: Meter,
        follow: Callable[[Assignment], Awaitable[None]],
        shelf: Callable[[], Shelf | None] = lambda: None,
    ) -> None:
        """Still.

        Args:
            control: whom to tell.
            deployment: of the replica.
            meter: what the replica counts.
            follow: given each assignment; may take its time.
            shelf: what a generator has in memory.
        """
        self._replica = uuid.uuid4().hex[:12]
        self._control = control
        self._deployment = deployment
        self._meter = meter
        self._follow = follow
        self._shelf = shelf
        self._following: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._quiet = False

    async def first(self) -> Assignment:
        """The assignment of a replica that has nothing yet.

        Raises:
            Exception: what the control replica raised, or that it did not answer.
        """
        return await self._ask(Beat(self._deployment, self._replica), _FIRST_ANSWER_S)

    def start(self) -> None:
        """Begin to beat, in the running event loop."""
        self._beating = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Beat no more, and tell what was counted since the last time, if that can be told at once."""
        if self._beating is None:
            return
        self._beating.cancel()
        await asyncio.wait([self._beating])
        try:
            async with asyncio.timeout(_LAST_ANSWER_S):
                for _ in range(2):  # what nobody answered, and what came after it
                    await self._ask(Beat(self._deployment, self._replica, self._meter.take()), _LAST_ANSWER_S)
        except Exception as error:
            log.warning("What was counted last is lost, since the control replica does not answer: %r", error)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            delta = self._meter.take()
            try:
                beat = Beat(self._deployment, self._replica, delta, self._shelf())
                assignment = await self._ask(beat, _ANSWER_S)
            except asyncio.CancelledError:
                self._meter.restore(delta)
                raise
            except Exception as error:
                self._meter.restore(delta)  # told with the next beat, and counted once
                if not self._quiet:
                    log.warning("The control replica does not answer: %r. What was counted is kept.", error)
                self._quiet = True
                continue
            if self._quiet:
                log.info("The control replica answers again.")
            self._quiet = False
            if self._following is None or self._following.done():
                self._following = asyncio.create_task(self._follow_safely(assignment))

    async def _follow_safely(self, assignment: Assignment) -> None:
        try:
            await self._follow(assignment)
        except Exception:
            log.exception("assignment %d could not be followed", assignment.serial)

    async def _ask(self, beat: Beat, timeout_s: float) -> Assignment:
        async with asyncio.timeout(timeout_s):
            assignment: Assignment = await self._control.beat.remote(beat)
            return assignment
