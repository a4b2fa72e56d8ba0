"""The micro-batcher, without Ray."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from serve_app.batching import MicroBatcher


class Engine:
    """Doubles numbers; can be held, and refuses some."""

    def __init__(self, refuses: Sequence[int] = ()) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self._refuses = set(refuses)

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        assert self.free.wait(10)
        if self._refuses & set(items):
            raise ValueError(f"no {sorted(self._refuses & set(items))}")
        return [2 * item for item in items]


async def started(engine: Engine) -> None:
    while not engine.batches:
        await asyncio.sleep(0.001)


def test_batch_is_formed_when_the_engine_becomes_free() -> None:
    async def scenario() -> None:
        engine = Engine()
        batcher = MicroBatcher(engine, max_items=3)
        engine.free.clear()
        first = asyncio.create_task(batcher.submit(1))
        await started(engine)
        others = [asyncio.create_task(batcher.submit(item)) for item in (2, 3, 4, 5)]
        await asyncio.sleep(0.01)
        assert engine.batches == [[1]]
        assert batcher.waiting == 4
        assert batcher.busy_s > 0
        engine.free.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
        assert engine.batches == [[1], [2, 3, 4], [5]]
        await asyncio.sleep(0)
        assert (batcher.waiting, batcher.busy_s) == (0, 0.0)
        batcher.close()

    asyncio.run(scenario())


def test_bad_item_does_not_fail_its_neighbours() -> None:
    async def scenario() -> None:
        engine = Engine(refuses=[7])
        batcher = MicroBatcher(engine, max_items=8)
        results = await asyncio.gather(*(batcher.submit(i) for i in (6, 7, 8)), return_exceptions=True)
        assert results[0] == 12
        assert results[2] == 16
        assert isinstance(results[1], ValueError)
        assert engine.batches == [[6, 7, 8], [6], [7], [8]]
        assert await batcher.submit(1) == 2, "the batcher goes on after a failure"
        batcher.close()

    asyncio.run(scenario())


def test_cancelled_callers_leave_the_queue() -> None:
    async def scenario() -> None:
        engine = Engine()
        batcher = MicroBatcher(engine, max_items=8)
        engine.free.clear()
        first = asyncio.create_task(batcher.submit(1))
        await started(engine)
        gone = asyncio.create_task(batcher.submit(2))
        stays = asyncio.create_task(batcher.submit(3))
        await asyncio.sleep(0.01)
        gone.cancel()
        first.cancel()  # even one whose batch runs already
        await asyncio.sleep(0)
        assert batcher.waiting == 1
        engine.free.set()
        assert await stays == 6
        assert engine.batches == [[1], [3]]
        batcher.close()

    asyncio.run(scenario())


def test_items_of_different_kinds_never_share_a_batch_and_keep_their_order() -> None:
    async def scenario() -> None:
        engine = Engine()
        batcher = MicroBatcher(engine, max_items=8, kind=lambda item: item % 2)
        engine.free.clear()
        tasks = [asyncio.create_task(batcher.submit(0))]
        await started(engine)
        tasks += [asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3, 4)]
        await asyncio.sleep(0.01)
        engine.free.set()
        assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
        assert engine.batches == [[0], [1, 3], [2, 4]]
        batcher.close()

    asyncio.run(scenario())


def test_engine_that_loses_a_result_is_found_out() -> None:
    async def scenario() -> None:
        def engine(items: Sequence[int]) -> list[int]:
            return [*items, *items]

        batcher = MicroBatcher(engine, max_items=4)
        with pytest.raises(RuntimeError, match="2 results for 1 items"):
            await batcher.submit(1)
        batcher.close()

    asyncio.run(scenario())
