"""A control replica that is away, comes back, or hangs: everything is counted once, and followed in turn."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from adcraft.metric_names import CACHE_LOOKUPS
from serve_app import heart
from serve_app.counting.meter import Meter
from serve_app.counting.totals import Totals
from serve_app.heart import Heart
from serve_app.messages import Assignment, Beat


class Control:
    """Takes what arrives; ``fates`` say what becomes of each beat, and then all go well."""

    def __init__(self, *fates: str) -> None:
        self.fates = list(fates)
        self.totals = Totals()
        self.calls = 0
        self.serial = 0
        self.done = asyncio.Event()
        self.beat = self

    async def remote(self, beat: Beat) -> Assignment:
        self.calls += 1
        fate = self.fates.pop(0) if self.fates else "well"
        if fate == "never arrives":
            await asyncio.sleep(3600)
        if fate == "away":
            raise ConnectionError("gone")
        if beat.delta:
            self.totals.add(beat.deployment, beat.replica, beat.delta)
        if fate == "answer lost":
            raise ConnectionError("gone")
        if fate == "hangs":
            await asyncio.sleep(3600)
        if not self.fates:
            self.done.set()
        self.serial += 1
        return Assignment(self.serial, {})

    @property
    def hits(self) -> float:
        return self.totals.counts(CACHE_LOOKUPS)["hit",]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heart, "BEAT_S", 0.0)
    monkeypatch.setattr(heart, "_ANSWER_S", 0.05)


async def nothing(assignment: Assignment) -> None:
    pass


def beating(control: Control, meter: Meter, follow: Any = nothing) -> Heart:
    made = Heart(cast("Any", control), "ingress", meter, follow)
    made.start()
    return made


def test_what_was_not_heard_is_told_again_and_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        meter, control = Meter(), Control("away", "answer lost", "hangs", "well", "well")
        meter.observe(CACHE_LOOKUPS, 5, outcome="hit")
        beating(control, meter)
        await asyncio.wait_for(control.done.wait(), 60)
        assert control.hits == 5
        assert control.calls >= 5

    with caplog.at_level("INFO", logger="ray.serve"):
        asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "ConnectionError('gone')" in caplog.text


def test_it_beats_on_while_an_assignment_is_followed_and_follows_one_at_a_time() -> None:
    async def scenario() -> None:
        followed: list[int] = []
        go_on = asyncio.Event()

        async def follow(assignment: Assignment) -> None:
            followed.append(assignment.serial)
            await go_on.wait()

        control = Control()
        beating(control, Meter(), follow)
        while control.calls < 5:
            await asyncio.sleep(0.001)
        assert followed == [1]
        go_on.set()
        while len(followed) < 2:
            await asyncio.sleep(0.001)
        assert followed[1] >= 5, "the latest, not those between"

    asyncio.run(scenario())


@pytest.mark.parametrize("fates", [(), ("hangs",), ("never arrives",), ("answer lost", "hangs")])
def test_what_was_counted_last_is_told_at_the_end(fates: tuple[str, ...]) -> None:
    async def scenario() -> None:
        meter, control = Meter(), Control(*fates)
        beats = beating(control, meter)
        meter.observe(CACHE_LOOKUPS, 5, outcome="hit")
        while not control.calls or control.fates:
            await asyncio.sleep(0.001)
        meter.observe(CACHE_LOOKUPS, 2, outcome="hit")
        await beats.stop()
        assert control.hits == 7
        calls = control.calls
        await asyncio.sleep(0.01)
        assert control.calls == calls

    asyncio.run(scenario())


def test_an_end_without_anybody_who_hears_it_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(heart, "_LAST_ANSWER_S", 0.01)
        await asyncio.wait_for(beating(Control(*["hangs"] * 9), Meter()).stop(), 60)

    asyncio.run(scenario())
    assert "counted last is lost" in caplog.text


def test_what_can_not_be_followed_is_logged_and_the_next_one_is(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        followed: list[int] = []

        async def follow(assignment: Assignment) -> None:
            followed.append(assignment.serial)
            raise ValueError("no")

        beating(Control(), Meter(), follow)
        while len(followed) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(scenario())
    assert "assignment 1 could not be followed" in caplog.text
