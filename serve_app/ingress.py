"""The ingress deployment: answers HTTP, and calls the generator replicas through their handle."""

from __future__ import annotations

import asyncio
import logging
import platform
import time
from typing import TYPE_CHECKING, Any

from adcraft.settings import ServeSettings
from serve_app.faults import ApiError, not_ready
from serve_app.loopback import listen_where_ray_does
from serve_app.messages import GeneratorInfo, Job, Reply
from serve_app.schemas import Model

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve.handle import DeploymentHandle

log = logging.getLogger("ray.serve")

_READY_TIMEOUT_S = 3.0
_READY_FRESH_S = 5.0


class Ingress:
    """Serve calls ``__serve_build_asgi_app__`` in the replica, so nothing of FastAPI is pickled."""

    def __init__(self, generators: DeploymentHandle[Any], settings: ServeSettings) -> None:
        listen_where_ray_does()
        self._generators = ServeGenerators(generators, settings)
        self._settings = settings

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The ASGI application of this replica."""
        import ray

        from serve_app.routes import build_http

        versions = {"ray": ray.__version__, "python": platform.python_version()}
        return build_http(self._generators, self._settings, versions)


class ServeGenerators:
    """The generator replicas behind a Serve handle; its errors as :class:`ApiError`."""

    def __init__(self, handle: DeploymentHandle[Any], settings: ServeSettings) -> None:
        self._handle = handle
        self._timeout_s = settings.request_timeout_s
        self._answered: tuple[float, Model] | None = None

    async def generate(self, jobs: list[Job]) -> Reply:
        """An outcome for each job, all by one replica.

        A replica that dies meanwhile is asked again elsewhere, once: writing twice does no harm.

        Raises:
            ApiError: 429 the queue is full, 503 no replica answers, 504 none answered in time.
        """
        from ray.exceptions import RayActorError

        deadline = time.monotonic() + self._timeout_s
        try:
            reply: Reply = await self._call("generate", deadline, jobs)
        except RayActorError:
            try:
                reply = await self._call("generate", deadline, jobs)
            except RayActorError as error:
                raise not_ready("The generator stopped while it wrote. Try again.") from error
        self._answered = (time.monotonic(), reply.model)
        return reply

    async def info(self) -> GeneratorInfo:
        """What one replica runs.

        Raises:
            ApiError: 503 none answers.
        """
        from ray.exceptions import RayActorError

        try:
            info: GeneratorInfo = await self._call("info", time.monotonic() + _READY_TIMEOUT_S)
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

    async def _call(self, method: str, deadline: float, *arguments: object) -> Any:
        """What a replica's method returns.

        Raises:
            ApiError: for what Ray and Serve raise, but for a replica's death.
            RayActorError: the replica died.
        """
        from ray.exceptions import RayActorError, RayError
        from ray.serve.exceptions import BackPressureError, RayServeException

        response = getattr(self._handle, method).remote(*arguments)
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
                "overloaded",
                "Too many requests wait already. Try again in a moment.",
                {"Retry-After": "1"},
            ) from error
        except RayServeException as error:
            raise not_ready("No generator is available; 'serve status' says why.") from error
        except RayActorError:
            raise
        except RayError as error:
            log.exception("a generator's %s failed", method)
            raise ApiError(500, "internal", "The generator failed; its log says more.") from error
