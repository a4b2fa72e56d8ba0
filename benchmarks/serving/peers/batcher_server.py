"""FastAPI and a plain asyncio micro-batcher over the engine, which has two threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.generator import Generator
from benchmarks.serving.peers.arguments import peer_arguments, serve_by_uvicorn

_BATCH, _THREADS = 32, 2


def build(bundle: Bundle) -> FastAPI:
    """The application."""
    generator = Generator.load(bundle, threads=_THREADS)
    waiting: asyncio.Queue[tuple[dict[str, str], asyncio.Future[str]]] = asyncio.Queue()

    async def work() -> None:
        while True:
            batch = [await waiting.get()]
            while len(batch) < _BATCH and not waiting.empty():
                batch.append(waiting.get_nowait())
            written = await asyncio.to_thread(generator.generate, [record for record, _ in batch])
            for (_, answer), generation in zip(batch, written, strict=True):
                if not answer.done():
                    answer.set_result(generation.texts[0])

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(work())
        yield
        worker.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/predict")
    async def predict(record: dict[str, str]) -> dict[str, str]:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting.put_nowait((record, answer))
        return {"creative": await answer}

    return app


if __name__ == "__main__":
    given = peer_arguments(__doc__)
    serve_by_uvicorn(build(open_bundle(given.bundle)), given.port)
