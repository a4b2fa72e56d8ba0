"""Ray Serve with ``@serve.batch``: two replicas of one thread, its default proxy."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
from adcraft.settings import load_settings
from benchmarks.serving.client import HOST
from benchmarks.serving.peers.arguments import peer_arguments
from cluster.session import ray_session

_BATCH, _WAIT_S, _REPLICAS, _ONGOING = 32, 0.01, 2, 128


def build(bundle: str) -> Any:
    """The application."""
    from ray import serve
    from starlette.requests import Request

    class Copywriter:
        def __init__(self) -> None:
            from pathlib import Path

            os.environ["TOKENIZERS_PARALLELISM"] = "false"
            self._generator = Generator.load(open_bundle(Path(bundle)))
            self._thread = ThreadPoolExecutor(1)  # else the replica answers nobody while it writes

        @serve.batch(max_batch_size=_BATCH, batch_wait_timeout_s=_WAIT_S)
        async def write(self, records: list[dict[str, str]]) -> list[str]:
            loop = asyncio.get_running_loop()
            written = await loop.run_in_executor(self._thread, self._generator.generate, records)
            return [generation.texts[0] for generation in written]

        async def __call__(self, request: Request) -> dict[str, str]:
            return {"creative": await self.write(await request.json())}

    return serve.deployment(
        num_replicas=_REPLICAS, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=_ONGOING
    )(Copywriter).bind()


def serve_until_stopped(application: Any, port: int, route: str) -> None:
    """On a Ray of its own, as the application of this project has one."""
    with ray_session(load_settings()):
        from ray import serve

        serve.start(http_options={"host": HOST, "port": port})
        serve.run(application, route_prefix=route)
        signal.pause()


if __name__ == "__main__":
    given = peer_arguments(__doc__)
    serve_until_stopped(build(str(given.bundle)), given.port, "/predict")
