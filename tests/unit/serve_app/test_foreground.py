"""Which model a start is checked with, before Ray is started."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from ray import serve
from ray.exceptions import ActorDiedError

from adcraft.errors import BundleError, ClusterError, TrackingError
from adcraft.registry import ModelVersion
from serve_app import foreground
from serve_app.args import ServeArgs
from serve_app.messages import Assignment

CHAMPION = ModelVersion("ad_copy", "2", (), "r2", "owl", "runs:/r2", "5f0e")
GOOD = ModelVersion("ad_copy", "1", (), "r1", "owl", "runs:/r1", "5f0e")


@pytest.mark.parametrize("fault", [BundleError("It was changed."), TrackingError("It can't be fetched.")])
@pytest.mark.parametrize("fallback", [GOOD, CHAMPION, None])
def test_champion_that_is_broken_stops_a_start_without_another_good_one(
    fault: Exception, fallback: ModelVersion | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watch:
        def __init__(self, args: ServeArgs) -> None:
            pass

        def look(self) -> Assignment:
            return Assignment(1, {"champion": CHAMPION}, fallback=fallback)

    def at_hand(args: ServeArgs, version: ModelVersion) -> Path:
        assert version == CHAMPION
        raise fault

    monkeypatch.setattr(foreground, "RegistryWatch", Watch)
    monkeypatch.setattr(foreground, "bundle_at_hand", at_hand)
    if fallback == GOOD:
        foreground._check_model(ServeArgs())
    else:
        with pytest.raises(type(fault)):
            foreground._check_model(ServeArgs())


def test_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    args = ServeArgs.model_validate(
        {"home": str(tmp_path), "tracking": {"uri": f"sqlite:///{tmp_path}/mlflow.db"}}
    )
    with pytest.raises(TrackingError, match="train a model first"):
        foreground._check_model(args)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [ActorDiedError(), RuntimeError("no controller")])
def test_serve_that_does_not_come_up_is_explained(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(**options: object) -> None:
        raise fault

    monkeypatch.setattr(serve, "start", start)
    with pytest.raises(ClusterError, match=r"Serve did not start: (The actor|no contr).*start it again"):
        foreground._start_serve("127.0.0.1", 8000)
