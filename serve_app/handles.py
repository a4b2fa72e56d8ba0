"""The other deployments behind their Serve handles, as the routes see them; errors as :class:`ApiError`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from adcraft import metric_names as names
from adcraft.registry import CHALLENGER
from adcraft.settings import ServeSettings
from serve_app.counting.meter import Meter
from serve_app.heart import Heart
from serve_app.http.faults import OVERLOADED, ApiError, not_ready
from serve_app.http.model_schemas import Models
from serve_app.http.schemas import Model
from serve_app.http.state_schemas import LogQuery, Logs, Stats
from serve_app.messages import Assignment, Failure, GeneratorInfo, Job, Outcome
from serve_app.models.traffic import goes_to_challenger, place_of

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

log = logging.getLogger("ray.serve")

_READY_TIMEOUT_S = 3.0
_READY_FRESH_S = 5.0
_SHADOWS = 4
"""Requests at most that the challenger has in the shadow; more are not shown to it."""


class Deployments:
    """Generators and control of one ingress replica."""

    def __init__(
        self,
        generators: DeploymentHandle[Any],
        control: DeploymentHandle[Any],
        settings: ServeSettings,
        meter: Meter,
    ) -> None:
        self._generators = generators
        self._control = control
        self._settings = settings
        self._answered: tuple[float, Model] | None = None
        self._assignment = Assignment(0, {})
        self._meter = meter
        self._shadows: set[asyncio.Task[None]] = set()
        self._heart = Heart(control, "ingress", meter, self._follow)

    def start(self) -> None:
        """Begin to follow the registry, in the running event loop."""
        self._heart.start()

    async def stop(self) -> None:
        """Follow it no more, and tell what was counted last."""
        await self._heart.stop()

    @property
    def serial(self) -> int:
        """Of the models that answer; answers of another one may be of other models."""
        return self._assignment.serial

    def expected(self, job: Job) -> str | None:
        """The version that should write for a job; None: nobody knows."""
        versions = self._assignment.versions
        wanted = self._routed(job).model
        found = versions.get(wanted) if wanted else next(iter(versions.values()), None)
        return found.version if found else wanted or None

    async def generate(self, jobs: Sequence[Job]) -> list[Outcome]:
        """An outcome for each job, all by one replica.

        A replica that dies meanwhile is asked again elsewhere, once: writing twice does no harm.

        Raises:
            ApiError: 429 the queue is full, 503 no replica answers, 504 none answered in time.
        """
        routed = [self._routed(job) for job in jobs]
        began = time.monotonic()
        outcomes = await self._written(routed)
        self._answered = (time.monotonic(), outcomes[0].model)
        self._meter.observe(
            names.PREDICTION_SECONDS, time.monotonic() - began, model_version=outcomes[0].model.version
        )
        for job in routed:
            role = "pinned" if job.pinned else job.model or "champion"
            self._meter.observe(names.CANARY_REQUESTS, role=role)
        self._show(routed, outcomes)
        return outcomes

    async def info(self) -> GeneratorInfo:
        """What one replica runs.

        Raises:
            ApiError: 503 none answers.
        """
        from ray.exceptions import RayActorError

        try:
            info: GeneratorInfo = await self._call(self._generators.info, time.monotonic() + _READY_TIMEOUT_S)
        except (ApiError, RayActorError) as error:
            reason = error.message if isinstance(error, ApiError) else "Its process ended."
            raise not_ready(f"No generator is ready. {reason}") from error
        self._answered = (time.monotonic(), info.model)
        return info

    async def ready(self) -> Model:
        """The model of a replica that answers, or answered a moment ago.

        Raises:
            ApiError: 503 none answers.
        """
        if self._answered and time.monotonic() - self._answered[0] < _READY_FRESH_S:
            return self._answered[1]
        return (await self.info()).model

    async def models(self) -> Models:
        """Which models there are, and who has them.

        Raises:
            ApiError: 503 the control replica does not answer.
        """
        return cast("Models", await self._of_control(self._control.models))

    async def stats(self) -> Stats:
        """What all replicas did.

        Raises:
            ApiError: 503 the control replica does not answer.
        """
        return cast("Stats", await self._of_control(self._control.stats))

    async def logs(self, query: LogQuery) -> Logs:
        """The latest requests to all ingress replicas.

        Raises:
            ApiError: 503 the control replica does not answer.
        """
        return cast("Logs", await self._of_control(self._control.logs, query))

    async def metrics(self) -> bytes:
        """All metrics in Prometheus's text format.

        Raises:
            ApiError: 503 the control replica does not answer.
        """
        return cast("bytes", await self._of_control(self._control.metrics))

    async def _of_control(self, method: Any, *arguments: object) -> Any:
        from ray.exceptions import RayActorError

        try:
            return await self._call(method, time.monotonic() + _READY_TIMEOUT_S, *arguments)
        except (ApiError, RayActorError) as error:
            raise not_ready("The control replica does not answer; predictions go on.") from error

    async def _follow(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def _routed(self, job: Job) -> Job:
        versions = self._assignment.versions
        if not job.model and goes_to_challenger(job.key, self._settings.canary_percent, versions):
            return replace(job, model=CHALLENGER)
        return job

    async def _written(self, jobs: list[Job]) -> list[Outcome]:
        from ray.exceptions import RayActorError

        timeout_s = self._settings.request_timeout_s
        deadline = time.monotonic() + timeout_s
        generate = self._generators.generate
        try:
            outcomes: list[Outcome] = await self._call(generate, deadline, jobs, timeout_s)
        except RayActorError:
            try:
                outcomes = await self._call(generate, deadline, jobs, max(0.0, deadline - time.monotonic()))
            except RayActorError as error:
                raise not_ready("The generator stopped while it wrote. Try again.") from error
        return outcomes

    def _show(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """Show some products to the challenger too, when nobody waits for it."""
        percent, challenger = self._settings.shadow_percent, self._assignment.versions.get(CHALLENGER)
        if not percent or challenger is None or len(self._shadows) >= _SHADOWS:
            return
        shown = [
            (replace(job, model=CHALLENGER, urgent=False), outcome)
            for job, outcome in zip(jobs, outcomes, strict=True)
            if not job.model
            and outcome.model.version != challenger.version
            and place_of(f"shadow {job.key}") < percent / 100
        ]
        if shown:
            task = asyncio.create_task(self._shadow(shown))
            self._shadows.add(task)
            task.add_done_callback(self._shadows.discard)

    async def _shadow(self, shown: Sequence[tuple[Job, Outcome]]) -> None:
        from ray.exceptions import RayActorError

        try:
            written = await self._written([job for job, _ in shown])
        except (ApiError, RayActorError) as error:
            log.info("a product was not shown to the challenger: %s", error)
            self._meter.observe(names.SHADOW_COMPARISONS, len(shown), outcome="failed")
            return
        for (_, seen), unseen in zip(shown, written, strict=True):
            failed = isinstance(unseen.result, Failure) or unseen.model.version == seen.model.version
            same = "same" if unseen.result == seen.result else "different"
            self._meter.observe(names.SHADOW_COMPARISONS, outcome="failed" if failed else same)

    async def _call(self, method: Any, deadline: float, *arguments: object) -> Any:
        """What a replica's method returns.

        Raises:
            ApiError: for what Ray and Serve raise, but for a replica's death.
            RayActorError: the replica died.
        """
        from ray.exceptions import RayActorError, RayError
        from ray.serve.exceptions import BackPressureError, RayServeException

        response = method.remote(*arguments)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await response
        except TimeoutError as error:
            response.cancel()
            raise ApiError(
                504, "timeout", "No answer in time; the generators are busy. Try again."
            ) from error
        except asyncio.CancelledError:
            response.cancel()
            raise
        except BackPressureError as error:
            raise ApiError(
                429,
                OVERLOADED,
                "Too many requests wait already. Try again in a moment.",
                {"Retry-After": "1"},
            ) from error
        except RayServeException as error:
            raise not_ready("No generator is available; 'serve status' says why.") from error
        except RayActorError:
            raise
        except RayError as error:
            log.exception("a deployment's %s failed", getattr(method, "method_name", method))
            raise ApiError(500, "internal", "The generator failed; its log says more.") from error
