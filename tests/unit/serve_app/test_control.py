"""The control replica: what replicas tell becomes what /models and /stats say."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import TrackingError
from adcraft.metric_names import HTTP_REQUESTS
from adcraft.registry import ModelVersion
from serve_app import control as module
from serve_app.args import ServeArgs
from serve_app.control import Control
from serve_app.counting.meter import Meter
from serve_app.http.state_schemas import LogQuery
from serve_app.messages import Assignment, Beat, Shelf, SwapFault
from serve_app.models.registry_watch import read_last_good


def version(number: int) -> ModelVersion:
    return ModelVersion("ad_copy", str(number), (), f"run{number}", "owl", f"runs:/run{number}", "5f0e")


ENTRY = {
    "time": "2026-11-27T06:00:00.000+00:00",
    "request_id": "r",
    "key_id": None,
    "method": "POST",
    "path": "/predict",
    "status": 200,
    "ms": 4.2,
    "model_version": "2",
    "items": 1,
}


class Registry:
    """Where the aliases point, or a fault."""

    def __init__(self) -> None:
        self.there: dict[str, int] = {"champion": 2, "previous": 1}
        self.fault: TrackingError | None = None
        self.fetched: list[str] = []

    def aliases(self) -> dict[str, str]:
        if self.fault:
            raise self.fault
        return {alias: str(number) for alias, number in self.there.items()}

    def resolve(self, wanted: str) -> ModelVersion:
        return version(self.there[wanted])

    def download(self, wanted: ModelVersion, folder: Path) -> Path:
        self.fetched.append(wanted.version)
        return folder


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry()
    monkeypatch.setattr("serve_app.models.registry_watch.Registry", lambda uri, model, *, create: made)
    return made


def args(home: Path, **serve: Any) -> ServeArgs:
    return ServeArgs.model_validate(
        {"home": str(home), "tracking": {"uri": "http://mlflow"}, "serve": {"poll_s": 0.01, **serve}}
    )


def test_what_is_assigned_is_fetched_and_told(registry: Registry, tmp_path: Path) -> None:
    async def scenario() -> None:
        control = Control(args(tmp_path))
        assert registry.fetched == ["2"]
        first = await control.beat(Beat("generator", "g1"))
        assert list(first.versions) == ["champion", "previous"]
        registry.there = {"champion": 3, "previous": 2}
        while (now := await control.beat(Beat("generator", "g1"))).serial == first.serial:
            await asyncio.sleep(0.01)
        assert now.versions["champion"] == version(3)
        while registry.fetched != ["2", "3"]:
            await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_registry_that_is_away_is_told_and_looked_at_again(registry: Registry, tmp_path: Path) -> None:
    async def scenario() -> None:
        control = Control(args(tmp_path))
        await control.beat(Beat("ingress", "i1"))
        registry.fault = TrackingError("MLflow is away.")
        while (await control.models()).registry.reachable:
            await asyncio.sleep(0.01)
        assert (await control.models()).registry.fault == "MLflow is away."
        assert (await control.stats()).registry_reachable is False
        assert b"adcraft_registry_reachable" in await control.metrics()
        registry.fault = None
        while not (await control.models()).registry.reachable:
            await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_models_say_who_has_them_and_which_were_refused(registry: Registry, tmp_path: Path) -> None:
    async def scenario() -> None:
        control = Control(args(tmp_path, canary_percent=5))
        fault = SwapFault("2", "it was changed.", "2026-11-27T06:00:00+00:00")
        await control.beat(Beat("generator", "g1", shelf=Shelf("1", ("1",), fault)))
        await control.beat(Beat("generator", "g2", shelf=Shelf("1", ("1",), fault)))
        await control.beat(Beat("generator", "g3", shelf=Shelf("2", ("1", "2"))))
        await control.beat(Beat("ingress", "i1"))
        found = await control.models()
        assert [(each.model.alias, each.model.version) for each in found.models] == [
            ("champion", "2"),
            ("previous", "1"),
        ]
        assert [(each.loaded_in, each.answers_in) for each in found.models] == [(1, 1), (3, 2)]
        [refused] = found.refused
        assert (refused.version, refused.reason, refused.generators) == ("2", "it was changed.", 2)
        assert found.traffic.canary_percent == 5

    asyncio.run(scenario())


def test_replica_that_says_nothing_is_forgotten(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        control = Control(args(tmp_path))
        await control.beat(Beat("generator", "g1", shelf=Shelf("2", ("2",))))
        monkeypatch.setattr(module, "SILENT_AFTER_S", 0.0)
        assert [each.loaded_in for each in (await control.models()).models] == [0, 0]

    asyncio.run(scenario())


def test_model_that_answers_is_remembered_for_a_start_without_the_registry(
    registry: Registry, tmp_path: Path
) -> None:
    async def scenario() -> Assignment:
        control = Control(args(tmp_path))
        await control.beat(Beat("generator", "g1", shelf=Shelf("2", ("2",))))
        assert read_last_good(args(tmp_path).last_good_file) == version(2)
        registry.fault = TrackingError("MLflow is away.")
        return await Control(args(tmp_path)).beat(Beat("generator", "g1"))

    assignment = asyncio.run(scenario())
    assert assignment.versions == {"champion": version(2)}
    assert assignment.fault


def test_what_is_counted_twice_is_added_once(registry: Registry, tmp_path: Path) -> None:
    async def scenario() -> None:
        control = Control(args(tmp_path))
        meter = Meter()
        meter.observe(HTTP_REQUESTS, 3, route="/predict", method="POST", status="200")
        meter.note(json.dumps(ENTRY))
        beat = Beat("ingress", "i1", meter.take())
        await control.beat(beat)
        await control.beat(beat)
        counted = await control.stats()
        assert counted.requests == 3
        assert counted.replicas["ingress"] == 1
        assert len((await control.logs(LogQuery())).entries) == 1

    asyncio.run(scenario())
