"""What the registry says becomes an assignment; while it says nothing, the last one stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from adcraft.errors import AliasError, StorageError, TrackingError
from adcraft.registry import ModelVersion, Registry
from serve_app.args import ServeArgs
from serve_app.models.registry_watch import RegistryWatch, read_last_good, write_last_good


def version(number: str | int) -> ModelVersion:
    return ModelVersion("ad_copy", str(number), ("x",), f"run{number}", "owl", f"runs:/run{number}", "5f0e")


class FakeRegistry:
    def __init__(self, **aliases: int) -> None:
        self.there = {alias: str(number) for alias, number in aliases.items()}
        self.fault: TrackingError | None = None
        self.connections = 0
        self.resolved: list[str] = []

    def connect(self) -> Registry:
        self.connections += 1
        if self.fault:
            raise self.fault
        return cast("Registry", self)

    def aliases(self) -> dict[str, str]:
        if self.fault:
            raise self.fault
        return self.there

    def resolve(self, wanted: str) -> ModelVersion:
        self.resolved.append(wanted)
        if wanted.isdecimal():
            return version(wanted)
        if wanted not in self.there:
            raise AliasError(f"ad_copy has no alias {wanted!r}.")
        return version(self.there[wanted])


Watch = Callable[..., RegistryWatch]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    def made(registry: FakeRegistry, alias: str = "champion") -> RegistryWatch:
        args: dict[str, Any] = {"home": str(tmp_path), "serve": {"alias": alias}}
        return RegistryWatch(ServeArgs.model_validate(args), registry.connect)

    return made


def test_aliases_become_versions_and_only_changes_are_resolved(watch: Watch) -> None:
    registry = FakeRegistry(previous=1, champion=2)
    made = watch(registry)
    first = made.look()
    assert list(first.versions) == ["champion", "previous"]
    assert made.look() is first
    registry.there["challenger"] = "3"
    second = made.look()
    assert second.serial > first.serial
    assert second.versions["challenger"] == version(3)
    assert registry.resolved == ["champion", "previous", "challenger"]
    assert registry.connections == 1


def test_number_in_place_of_an_alias_stays(watch: Watch) -> None:
    registry = FakeRegistry(champion=2, challenger=3)
    made = watch(registry, alias="1")
    assert list(made.look().versions) == ["1", "champion", "challenger"]
    registry.there["champion"] = "3"
    assert made.look().versions["1"] == version(1)


@pytest.mark.parametrize("fault", [TrackingError("MLflow is\n away."), AliasError("No model is registered.")])
def test_registry_that_does_not_answer_leaves_all_as_it_is(watch: Watch, fault: TrackingError) -> None:
    registry = FakeRegistry(champion=2)
    made = watch(registry)
    first = made.look()
    registry.fault = fault
    second = made.look()
    assert second.versions == first.versions
    assert second.fault == " ".join(str(fault).split())
    assert made.look() is second, "the same fault is no change"
    registry.fault = None
    assert made.look().fault == ""


def test_sqlite_file_that_was_moved_away_is_not_asked(tmp_path: Path) -> None:
    """SQLite would make an empty one in its place, in which no model is registered."""
    file, registry = tmp_path / "mlflow.db", FakeRegistry(champion=2)
    file.write_text("there")
    args = ServeArgs.model_validate({"home": str(tmp_path), "tracking": {"uri": f"sqlite:///{file}"}})
    made = RegistryWatch(args, registry.connect)
    first = made.look()
    file.rename(tmp_path / "elsewhere.db")
    assert "can't be reached" in made.look().fault
    assert made.assignment.versions == first.versions
    file.write_text("back")
    assert made.look().fault == ""
    assert registry.connections == 2


def test_without_an_alias_there_is_nothing_to_serve(watch: Watch) -> None:
    with pytest.raises(AliasError, match="'champion'"):
        watch(FakeRegistry(challenger=1)).look()


def test_model_that_answered_last_serves_while_the_registry_is_away(watch: Watch, tmp_path: Path) -> None:
    registry = FakeRegistry(champion=2)
    made = watch(registry)
    made.look()
    made.answered("9")
    assert not made.assignment.fallback, "a version that nobody knows"
    made.answered("2")
    assert made.assignment.fallback == version(2)
    registry.fault = TrackingError("MLflow is away.")
    after = watch(registry)
    assignment = after.look()
    assert assignment.versions == {"champion": version(2)}
    assert assignment.fallback == version(2)
    assert assignment.fault == "MLflow is away."
    registry.fault, registry.there["champion"] = None, "3"
    assert after.look().versions["champion"] == version(3)


def test_without_registry_and_last_model_the_fault_is_raised(watch: Watch) -> None:
    registry = FakeRegistry(champion=2)
    registry.fault = TrackingError("MLflow is away.")
    with pytest.raises(TrackingError, match="away"):
        watch(registry).look()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}', '{"aliases": 5}', "null"])
def test_broken_note_of_the_last_model_is_none(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "last.json"
    file.write_text(content)
    assert read_last_good(file) is None
    assert str(file) in caplog.text


def test_note_of_the_last_model_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't be written"):
        write_last_good(tmp_path / "file" / "last.json", version(1))
