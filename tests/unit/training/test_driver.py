"""The driver: what is registered is not registered again."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.registry import ModelVersion
from adcraft.settings import load_settings
from adcraft.training import driver
from adcraft.training.run import TrainingRun
from tests.prepared import write_prepared

VERSION = ModelVersion("ad_copy", "1", ("champion",), "run", "name", "uri", "d")


class OtherProcess:
    """A registry that another process registers this very run in, after this one has looked once."""

    def __init__(self, *_: object) -> None:
        self.looks = 0

    def find(self, run_key: str) -> ModelVersion | None:
        self.looks += 1
        return VERSION if self.looks > 1 else None

    def settle(self, version: ModelVersion) -> ModelVersion:
        return version

    def best_metrics(self, version: ModelVersion) -> dict[str, float]:
        return {"validation_loss": 1.0}

    def register(self, **_: str) -> ModelVersion:
        raise AssertionError("registered twice")


def test_a_run_that_another_process_registers_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_prepared(tmp_path / "data", rows=20)

    def execute(*_: object) -> None:
        raise AssertionError("trained twice")

    monkeypatch.setattr(driver, "Registry", OtherProcess)
    monkeypatch.setattr(driver, "_resources", lambda _: None)
    monkeypatch.setattr(TrainingRun, "logged", execute)
    trained = driver.train(load_settings(None, [f"home={tmp_path}"], {}))
    assert trained == driver.TrainedModel(VERSION, {"validation_loss": 1.0}, reused=True)
