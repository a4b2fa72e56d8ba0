"""The batcher, without Ray and without a model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from serve_app.batching import Batcher, EngineCall, LateError


@dataclass(frozen=True)
class Number:
    value: int
    variants: int = 1
    tokens: int = 1


class Doubling:
    """Asks for numbers to be doubled, round by round; the ad is all of them."""

    def __init__(self, *rounds: Sequence[int], variants: int = 1) -> None:
        self._rounds = [[Number(value, variants) for value in values] for values in rounds]
        self.given: list[int] = []

    def asks(self) -> list[Number]:
        return self._rounds.pop(0) if self._rounds else []

    def ad(self) -> list[int]:
        return [2 * value for value in self.given]


class Engine:
    """Can be held, and refuses some numbers."""

    def __init__(self, refuses: Sequence[int] = ()) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self._refuses = set(refuses)
        self.owners: dict[int, Doubling] = {}

    def answer(self, asks: Sequence[Number]) -> None:
        self.batches.append([ask.value for ask in asks])
        assert self.free.wait(10)
        if bad := self._refuses & {ask.value for ask in asks}:
            raise ValueError(f"no {sorted(bad)}")
        for ask in asks:
            if ask.value in self.owners:
                self.owners[ask.value].given.append(ask.value)

    def work(self, *rounds: Sequence[int], variants: int = 1) -> Doubling:
        made = Doubling(*rounds, variants=variants)
        self.owners |= {value: made for values in rounds for value in values}
        return made


class House:
    """An engine, a batcher, and requests that wait."""

    def __init__(self, *, max_tokens: int = 8, refuses: Sequence[int] = (), patience_s: float = 2.0) -> None:
        self.now = 0.0
        self.calls: list[EngineCall] = []
        self.engine = Engine(refuses)
        self.batcher: Batcher[Number, list[int]] = Batcher(
            max_tokens=max_tokens, patience_s=patience_s, noted=self.calls.append, clock=lambda: self.now
        )

    def ask(
        self,
        *rounds: Sequence[int],
        variants: int = 1,
        urgent: bool = True,
        timeout_s: float = float("inf"),
    ) -> asyncio.Task[list[int]]:
        work = self.engine.work(*rounds, variants=variants)
        return asyncio.create_task(self.batcher.submit(self.engine, work, urgent=urgent, timeout_s=timeout_s))

    async def held(self, *rounds: Sequence[int]) -> asyncio.Task[list[int]]:
        """A request that the engine is busy with, until it is freed."""
        self.engine.free.clear()
        first = self.ask(*(rounds or [[1]]))
        while not self.engine.batches:
            await asyncio.sleep(0.001)
        return first

    async def answered_two(self) -> None:
        """Two requests in one engine call, which took 200 s by the clock; so no machine is too slow for a
        share of it.
        """
        both = [self.ask([2]), await self.held()]
        self.now = 200
        self.engine.free.set()
        await asyncio.gather(*both)

    async def waiting(self, count: int) -> None:
        while self.batcher.waiting < count:
            await asyncio.sleep(0.001)


def test_batch_is_formed_when_the_engine_becomes_free() -> None:
    async def scenario() -> None:
        house = House(max_tokens=3)
        first = await house.held()
        others = [house.ask([value]) for value in (2, 3, 4, 5)]
        await house.waiting(4)
        assert house.engine.batches == [[1]]
        house.now = 7
        assert house.batcher.busy_s == 7
        assert house.batcher.requests == 5
        house.engine.free.set()
        assert list(await asyncio.gather(first, *others)) == [[2], [4], [6], [8], [10]]
        assert house.engine.batches == [[1], [2, 3, 4], [5]]
        await asyncio.sleep(0)
        assert (house.batcher.waiting, house.batcher.requests, house.batcher.busy_s) == (0, 0, 0.0)
        assert house.calls[1] == EngineCall(asks=3, tokens=3, waited_s=7.0, took_s=0.0)
        house.batcher.close()

    asyncio.run(scenario())


def test_second_round_of_one_request_shares_a_batch_with_the_first_of_another() -> None:
    async def scenario() -> None:
        house = House()
        first = await house.held([1, 2], [3])
        house.now = 1
        other = house.ask([4])
        await house.waiting(1)
        house.engine.free.set()
        assert list(await asyncio.gather(first, other)) == [[2, 4, 6], [8]]
        assert house.engine.batches == [[1, 2], [3, 4]], "the older request goes first"
        house.batcher.close()

    asyncio.run(scenario())


def test_prompts_of_other_numbers_of_variants_go_apart() -> None:
    async def scenario() -> None:
        house = House()
        first = await house.held()
        others = [house.ask([2], variants=4), house.ask([3]), house.ask([4], variants=4)]
        await house.waiting(3)
        house.engine.free.set()
        await asyncio.gather(first, *others)
        assert house.engine.batches == [[1], [2, 4], [3]]
        house.batcher.close()

    asyncio.run(scenario())


def test_urgent_ones_pass_others_but_not_for_ever() -> None:
    async def scenario() -> None:
        house = House(max_tokens=1, patience_s=5)
        first = await house.held()
        patient = house.ask([2], urgent=False)
        await house.waiting(1)
        house.now = 4.9
        soon = house.ask([3])
        await house.waiting(2)
        house.now = 5.1
        late = house.ask([4])
        await house.waiting(3)
        house.engine.free.set()
        await asyncio.gather(first, patient, soon, late)
        assert house.engine.batches == [[1], [3], [2], [4]]
        house.batcher.close()

    asyncio.run(scenario())


def test_bad_prompt_does_not_fail_its_neighbours() -> None:
    async def scenario() -> None:
        house = House(refuses=[7])
        first = await house.held()
        others = [house.ask([value]) for value in (6, 7, 8)]
        await house.waiting(3)
        house.engine.free.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
        assert results[1] == [12]
        assert results[3] == [16]
        assert isinstance(results[2], ValueError)
        assert house.engine.batches == [[1], [6, 7, 8], [6], [7], [8]]
        assert await house.ask([9]) == [18], "the batcher goes on after a failure"
        house.batcher.close()

    asyncio.run(scenario())


def test_request_that_fails_between_two_rounds_fails_alone() -> None:
    class Broken(Doubling):
        def ad(self) -> list[int]:
            raise ValueError("nothing can be made of it")

    async def scenario() -> None:
        house = House()
        first = await house.held()
        broken = asyncio.create_task(house.batcher.submit(house.engine, Broken([2])))
        good = house.ask([3])
        await house.waiting(2)
        house.engine.free.set()
        with pytest.raises(ValueError, match="nothing can be made"):
            await broken
        assert list(await asyncio.gather(first, good)) == [[2], [6]]
        house.batcher.close()

    asyncio.run(scenario())


def test_cancelled_callers_leave_the_line() -> None:
    async def scenario() -> None:
        house = House()
        first = await house.held()
        gone, stays = house.ask([2], [22]), house.ask([3])
        await house.waiting(2)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        house.engine.free.set()
        assert list(await asyncio.gather(first, stays)) == [[2], [6]]
        assert house.engine.batches == [[1], [3]]
        house.batcher.close()

    asyncio.run(scenario())


def test_caller_that_leaves_while_its_prompt_is_answered_has_no_second_round() -> None:
    async def scenario() -> None:
        house = House()
        gone = await house.held([1], [11])
        stays = house.ask([3])
        await house.waiting(1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        house.engine.free.set()
        assert await stays == [6]
        assert house.engine.batches == [[1], [3]]
        house.batcher.close()

    asyncio.run(scenario())


def test_what_is_late_is_not_begun() -> None:
    async def scenario() -> None:
        house = House()
        first = await house.held()
        late, stays = house.ask([2], timeout_s=3), house.ask([3], timeout_s=5)
        await house.waiting(2)
        house.now = 4
        house.engine.free.set()
        with pytest.raises(LateError):
            await late
        assert list(await asyncio.gather(first, stays)) == [[2], [6]]
        assert house.engine.batches == [[1], [3]]
        house.batcher.close()

    asyncio.run(scenario())


def test_engine_waits_a_little_for_those_that_ask_again() -> None:
    async def scenario() -> None:
        house = House()
        await house.answered_two()
        await asyncio.sleep(0.01)  # nobody is there: the wait begins with the first
        again = [house.ask([4])]
        await asyncio.sleep(0.01)
        again.append(house.ask([5]))
        assert list(await asyncio.gather(*again)) == [[8], [10]]
        assert house.engine.batches == [[2, 1], [4, 5]]
        house.batcher.close()

    asyncio.run(scenario())


def test_those_who_waited_behind_a_call_and_those_that_were_in_it_come_together() -> None:
    """Else the half in the engine and the half in the line never share a call."""

    async def scenario() -> None:
        house = House()
        first = await house.held()
        second = house.ask([2])
        await house.waiting(1)
        house.now = 200
        house.engine.free.set()
        await first
        third = house.ask([3])
        assert list(await asyncio.gather(second, third)) == [[4], [6]]
        assert house.engine.batches == [[1], [2, 3]]
        house.batcher.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("rounds", [([1], [2]), ([1, 2, 3], [4])])
def test_next_round_of_an_only_request_waits_for_nobody(rounds: tuple[list[int], ...]) -> None:
    """However many prompts its last round had. A wait would take 20 s."""

    async def scenario() -> None:
        house = House()
        first = await house.held(*rounds)
        house.now = 200
        house.engine.free.set()
        await asyncio.wait_for(first, 5)
        assert await asyncio.wait_for(house.ask([9]), 5) == [18]
        assert house.engine.batches == [*rounds, [9]]
        house.batcher.close()

    asyncio.run(scenario())


def test_engine_waits_for_nobody_when_its_call_is_full() -> None:
    async def scenario() -> None:
        house = House(max_tokens=2)
        first = await house.held([1, 2])
        others = [house.ask([value]) for value in (3, 4, 5)]
        await house.waiting(3)
        house.now = 200
        house.engine.free.set()
        await first
        await asyncio.wait_for(asyncio.gather(*others[:2]), 5)
        assert house.engine.batches[:2] == [[1, 2], [3, 4]]
        others[2].cancel()
        house.batcher.close()

    asyncio.run(scenario())


def test_engine_waits_for_nobody_long_after_a_call() -> None:
    async def scenario() -> None:
        house = House()
        await house.answered_two()
        house.now = 401
        assert await asyncio.wait_for(house.ask([3]), 5) == [6]
        house.batcher.close()

    asyncio.run(scenario())


def test_engine_does_not_wait_for_those_that_do_not_ask_again() -> None:
    async def scenario() -> None:
        house = House()
        first = await house.held()
        others = [house.ask([value]) for value in (2, 3)]
        await house.waiting(2)
        house.engine.free.set()
        await asyncio.gather(first, *others)
        assert await house.ask([4]) == [8]  # by this clock, calls take no time
        assert house.engine.batches == [[1], [2, 3], [4]]
        house.batcher.close()

    asyncio.run(scenario())


def test_work_without_prompts_needs_no_engine() -> None:
    async def scenario() -> None:
        house = House()
        assert await house.ask() == []
        assert house.engine.batches == []
        house.batcher.close()

    asyncio.run(scenario())


def test_engine_call_that_can_not_be_counted_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(call: EngineCall) -> None:
        raise ValueError("no such label")

    async def scenario() -> None:
        engine = Engine()
        batcher: Batcher[Number, list[int]] = Batcher(max_tokens=8, noted=refuse)
        for value in (1, 2):
            assert await batcher.submit(engine, engine.work([value], [10 * value])) == [2 * value, 20 * value]
        batcher.close()

    asyncio.run(scenario())
    assert "could not be counted" in caplog.text
