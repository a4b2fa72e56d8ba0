"""From a feed to a champion as one job: what has not changed is skipped, what is worse is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adcraft.ad_copy.sample_feed.feed import write_feed
from tests.jobs import Job, run_job, train_arguments
from tests.sweeps import write_sweep

pytestmark = pytest.mark.integration

STAGES = ("prepare", "train", "evaluate", "promote")


@pytest.fixture(scope="module")
def arguments(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    home = tmp_path_factory.mktemp("pipeline")
    write_feed(home / "feed.csv", 200, 5, None)
    rules = ("promote.primary=loss", "promote.guards={}", "promote.min_products=1", "evaluate.rows=12")
    return train_arguments(home, f"data.source={home}/feed.csv", "train.max_epochs=1", *rules)


@pytest.fixture(scope="module")
def first(arguments: list[str]) -> Job:
    return run_job(arguments, stage="pipeline")


@pytest.fixture(scope="module")
def second(arguments: list[str], first: Job) -> Job:
    """Trained for longer, so better."""
    return run_job(arguments, "train.max_epochs=3", stage="pipeline")


def skipped(job: Job) -> dict[str, bool]:
    stages: dict[str, Any] = job.result["stages"]
    return {name: stage["skipped"] for name, stage in stages.items()}


def aliases(job: Job, arguments: list[str]) -> dict[str, str]:
    from adcraft.registry import Registry

    home = arguments[0].removeprefix("home=")
    return Registry(f"sqlite:///{home}/mlflow.db", "ad_copy").aliases()


def test_first_model_is_champion(first: Job, arguments: list[str]) -> None:
    assert first.code == 0, first.err
    assert skipped(first) == {"prepare": False, "train": False, "evaluate": False, "promote": True}
    assert (first.result["model_version"], first.result["promoted"]) == ("1", False)
    assert first.result["reasons"] == ["Version 1 is the champion already."]
    assert first.result["stages"]["evaluate"]["rows"] == 12


def test_each_stage_has_a_line_as_it_ends(first: Job) -> None:
    lines = [json.loads(line) for line in first.out.splitlines() if line.startswith('{"stage"')]
    assert [line["stage"] for line in lines] == [*STAGES, "pipeline"]
    assert all(line["ok"] for line in lines)
    assert lines[1]["model_version"] == "1"
    assert all(line["seconds"] >= 0 for line in lines[:-1])


def test_nothing_changed_nothing_done(first: Job, arguments: list[str]) -> None:
    again = run_job(arguments, stage="pipeline")
    assert skipped(again) == dict.fromkeys(STAGES, True)
    assert again.result["dataset_version"] == first.result["dataset_version"]


@pytest.mark.drill
def test_better_model_is_promoted_and_that_is_all(second: Job, arguments: list[str]) -> None:
    assert second.code == 0, second.err
    assert skipped(second) == {"prepare": True, "train": False, "evaluate": False, "promote": False}
    assert second.result["promoted"] is True, second.result["reasons"]
    assert aliases(second, arguments) == {"champion": "2", "previous": "1"}
    again = run_job(arguments, "train.max_epochs=3", stage="pipeline")
    assert skipped(again) == dict.fromkeys(STAGES, True)
    assert aliases(again, arguments) == {"champion": "2", "previous": "1"}


@pytest.mark.drill
def test_worse_model_is_refused_with_the_reason(second: Job, arguments: list[str]) -> None:
    """The first one's settings again: it is registered, and now it is the challenger."""
    back = run_job(arguments, stage="pipeline")
    assert (back.result["model_version"], back.result["promoted"]) == ("1", False)
    assert skipped(back) == {"prepare": True, "train": True, "evaluate": False, "promote": False}
    assert "is worse" in back.result["reasons"][0]
    again = run_job(arguments, stage="pipeline")
    assert skipped(again) == dict.fromkeys(STAGES, True)
    assert again.result["reasons"] == back.result["reasons"]


@pytest.mark.drill
def test_killed_after_training_it_goes_on_with_the_evaluation(
    second: Job, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray_jobs import evaluate

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    changed = [*arguments, "train.seed=8"]
    with monkeypatch.context() as patched:
        patched.setattr(evaluate, "run", killed)
        assert run_job(changed, stage="pipeline").code == 130
    on = run_job(changed, stage="pipeline")
    assert skipped(on) == {"prepare": True, "train": True, "evaluate": False, "promote": False}


def test_fault_names_its_stage(arguments: list[str], tmp_path: Path) -> None:
    job = run_job(arguments, f"data.source={tmp_path}/none.csv", stage="pipeline")
    assert job.code == 3
    assert job.result["error"].startswith("prepare: There is no feed at")
    assert "Traceback" not in job.err


@pytest.mark.drill
def test_sweep_in_the_place_of_training(ray_session: None, tmp_path: Path) -> None:
    write_feed(tmp_path / "feed.csv", 200, 5, None)
    file = write_sweep(tmp_path, space={"train.learning_rate": {"choice": [0.02, 0.01]}}, max_concurrent=1)
    more = [f"data.source={tmp_path}/feed.csv", "evaluate.rows=12", "train.max_epochs=1"]
    swept = run_job(more, stage="pipeline", options=["--sweep", str(file)])
    assert swept.code == 0, swept.err
    assert skipped(swept) == {"prepare": False, "sweep": False, "evaluate": False, "promote": True}
    assert swept.result["stages"]["sweep"]["trials"]["finished"] == 2
    assert swept.result["stages"]["sweep"]["name"] == f"tiny-{swept.result['dataset_version'][:8]}"
    assert swept.result["model_version"] == "1"
    again = run_job(more, stage="pipeline", options=["--sweep", str(file)])
    assert skipped(again) == dict.fromkeys(("prepare", "sweep", "evaluate", "promote"), True)
    config = tmp_path / "settings.yaml"
    config.write_text("train: {max_epochs: 1}")
    both = run_job(more, stage="pipeline", options=["--sweep", str(file), "--config", str(config)])
    assert both.code == 2
    assert "--config can't be given too" in both.result["error"]
