"""Models are swapped aside: whatever goes wrong with a new one, the old one goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adcraft.errors import BundleError
from adcraft.registry import ModelVersion
from serve_app.messages import Assignment
from serve_app.models.rack import LoadedModel, Rack, UnknownModelError


def version(number: int, run: str = "") -> ModelVersion:
    run = run or f"run{number}"
    return ModelVersion("ad_copy", str(number), (), run, "owl", f"runs:/{run}", "5f0e")


def assigned(fallback: ModelVersion | None = None, **aliases: int) -> Assignment:
    versions: Mapping[str, ModelVersion] = {alias: version(number) for alias, number in aliases.items()}
    return Assignment(sum(aliases.values()), versions, fallback)


class Loader:
    """Loads whatever it is given, but for versions that are broken."""

    def __init__(self, *broken: int) -> None:
        self.broken: dict[str, Exception] = {
            str(number): BundleError(f"{number} was changed.") for number in broken
        }
        self.loaded: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.now = 0.0

    def __call__(self, wanted: ModelVersion) -> LoadedModel:
        assert self.free.wait(10)
        self.loaded.append(wanted.version)
        if wanted.version in self.broken:
            raise self.broken[wanted.version]
        nothing = cast("Any", SimpleNamespace())
        return LoadedModel(wanted, nothing, nothing, nothing, nothing)

    def rack(self, *kept: str) -> Rack:
        return Rack(self, kept, clock=lambda: self.now)


def test_model_is_swapped_when_the_alias_moves() -> None:
    async def scenario() -> None:
        loader = Loader()
        rack = loader.rack()
        await rack.start(assigned(champion=1))
        assert rack.first.version == version(1)
        assert rack.alias_of(rack.first) == "champion"
        await rack.follow(assigned(champion=2, previous=1))
        assert rack.first.version == version(2)
        assert rack.shelf.answering == "2"
        assert rack.shelf.fault is None
        await rack.follow(assigned(champion=2, previous=1))
        assert loader.loaded == ["1", "2"], "what is loaded is not loaded again"

    asyncio.run(scenario())


def test_old_one_answers_until_the_new_one_is_ready() -> None:
    async def scenario() -> None:
        loader = Loader()
        rack = loader.rack()
        await rack.start(assigned(champion=1))
        loader.free.clear()
        swap = asyncio.create_task(rack.follow(assigned(champion=2)))
        await asyncio.sleep(0.02)
        assert (await rack.named("")).version == version(1)
        assert (await rack.named("1")).version == version(1), "loading holds nobody up"
        loader.free.set()
        await swap
        assert (await rack.named("")).version == version(2)

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", [BundleError("2 was changed."), MemoryError("none left")])
def test_broken_model_changes_nothing_and_is_said(fault: Exception) -> None:
    async def scenario() -> None:
        loader = Loader(2)
        loader.broken["2"] = fault
        rack = loader.rack()
        await rack.start(assigned(champion=1))
        await rack.follow(assigned(champion=2, previous=1))
        assert rack.first.version == version(1)
        assert rack.alias_of(rack.first) == "previous"
        assert rack.shelf.fault is not None
        assert rack.shelf.fault.version == "2"
        assert str(fault) in rack.shelf.fault.reason
        await rack.follow(assigned(champion=2, previous=1))
        assert loader.loaded == ["1", "2"], "not again at every beat"
        del loader.broken["2"]
        loader.now = 60
        await rack.follow(assigned(champion=2, previous=1))
        assert rack.first.version == version(2), "its files were mended"
        assert rack.shelf.fault is None

    asyncio.run(scenario())


def test_rollback_from_a_broken_model_ends_the_fault() -> None:
    async def scenario() -> None:
        rack = Loader(2).rack()
        await rack.start(assigned(champion=1))
        await rack.follow(assigned(champion=2))
        await rack.follow(assigned(champion=1))
        assert (rack.shelf.answering, rack.shelf.fault) == ("1", None)

    asyncio.run(scenario())


def test_number_of_another_run_is_another_model() -> None:
    async def scenario() -> None:
        loader = Loader()
        rack = loader.rack()
        await rack.start(assigned(champion=1))
        anew = version(1, run="anew")
        await rack.follow(Assignment(9, {"champion": anew}))
        assert rack.first.version == anew

    asyncio.run(scenario())


def test_replica_that_starts_with_a_broken_champion_takes_the_last_good_one() -> None:
    async def scenario() -> None:
        rack = Loader(2).rack()
        await rack.start(assigned(version(1), champion=2))
        assert rack.first.version == version(1)
        assert rack.alias_of(rack.first) is None
        assert rack.shelf.fault is not None

    asyncio.run(scenario())


@pytest.mark.parametrize("fallback", [None, version(2), version(3)])
def test_replica_without_any_good_model_does_not_start(fallback: ModelVersion | None) -> None:
    async def scenario() -> None:
        with pytest.raises(BundleError, match="was changed"):
            await Loader(2, 3).rack().start(assigned(fallback, champion=2))

    asyncio.run(scenario())


def test_models_are_named_by_alias_or_number() -> None:
    async def scenario() -> None:
        rack = Loader().rack()
        await rack.start(assigned(champion=2, challenger=3, previous=1))
        for name, number in {"": 2, "champion": 2, "challenger": 3, "3": 3, "previous": 1}.items():
            assert (await rack.named(name)).version == version(number)
        with pytest.raises(UnknownModelError, match=r"'7' is served. There is champion \(version 2\)"):
            await rack.named("7")

    asyncio.run(scenario())


def test_challenger_is_loaded_before_anybody_asks_and_its_fault_spares_the_champion() -> None:
    async def scenario() -> None:
        loader = Loader(4)
        rack = loader.rack("challenger")
        await rack.start(assigned(champion=2, challenger=3))
        assert rack.shelf.loaded == ("2", "3")
        await rack.follow(assigned(champion=2, challenger=4))
        assert rack.first.version == version(2)
        assert rack.shelf.fault is not None
        assert rack.shelf.fault.version == "4"

    asyncio.run(scenario())


def test_memory_does_not_grow_with_every_swap() -> None:
    async def scenario() -> None:
        rack = Loader().rack("challenger")
        await rack.start(assigned(champion=1))
        for number in range(2, 9):
            await rack.follow(assigned(champion=number, challenger=number + 1, previous=number - 1))
        assert rack.shelf.loaded == ("7", "8", "9")

    asyncio.run(scenario())
