"""The runs of a sweep in an embedded MLflow: found again, ended as their trials ended, never twice."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from adcraft.tracking.children import Children, Ending
from adcraft.tracking.connection import connect
from adcraft.tracking.run_log import ATTEMPT_TAG, PARENT_TAG, REASON_TAG, RunLog
from tests.sweeps import epoch, open_study, sweep_settings
from tuning.study import FINISHED
from tuning.watch import endings


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):  # of MLflow and SQLAlchemy about themselves
        uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
        connect(uri)
        yield uri


pytestmark = pytest.mark.filterwarnings("ignore")


def open_run(uri: str, key: str, parent: RunLog | None = None, *, again: bool = True) -> RunLog:
    tags = {PARENT_TAG: parent.run_id} if parent else {}
    return RunLog(uri, "sweeps", key, key, tags, again=again)


def test_every_child_ends_as_its_trial_ended(uri: str, tmp_path: Path) -> None:
    parent = open_run(uri, "sweep-a")
    children = Children(uri, parent)
    study = open_study(sweep_settings(tmp_path, scheduler={"name": "median", "min_trials": 1}))
    for _ in range(5):
        trial = study.next_trial()
        assert trial
        open_run(uri, trial.key, parent)
    study.report(0, epoch(1, 1.0))
    study.report(1, epoch(1, 2.0))  # stopped by the median
    study.report(2, epoch(1, float("nan")))
    study.end(0, FINISHED, "9 epochs are done")
    children.settle(endings(study))
    found = [children.all()[trial.key] for trial in study.trials.values()]
    assert [child.status for child in found] == ["FINISHED", "KILLED", "FAILED", "RUNNING", "RUNNING"]
    assert found[0].reason == ""
    assert found[1].reason.startswith("median: worse after epoch 1")
    assert "diverged" in found[2].reason

    children.settle(endings(study, "the sweep was interrupted"))
    found = [children.all()[trial.key] for trial in study.trials.values()]
    assert [child.status for child in found] == ["FINISHED", "KILLED", "FAILED", "KILLED", "KILLED"]
    assert found[3].reason == "the sweep was interrupted"

    going_on = open_run(uri, study.trials[3].key, parent)
    assert going_on.run_id == found[3].run_id
    study.end(3, FINISHED)
    going_on.end("FINISHED")
    children.settle(endings(study, "interrupted again"))
    last = children.all()[study.trials[3].key]
    assert (last.status, last.reason) == ("FINISHED", "")
    assert len(children.all()) == 5
    tags = connect(uri).get_run(last.run_id).data.tags
    assert REASON_TAG not in tags  # the earlier attempt's is kept with it
    assert json.loads(tags[f"{ATTEMPT_TAG}1"])[REASON_TAG] == "the sweep was interrupted"


def test_a_run_is_looked_for_below_its_own_parent_alone(uri: str) -> None:
    one, other = open_run(uri, "sweep-one"), open_run(uri, "sweep-other")
    child = open_run(uri, "same-key", one)
    assert open_run(uri, "same-key", other).run_id != child.run_id
    assert open_run(uri, "same-key").run_id != child.run_id
    assert open_run(uri, "same-key", one).run_id == child.run_id


def test_a_finished_run_goes_on_only_where_that_is_wanted(uri: str) -> None:
    first = open_run(uri, "sweep-finished")
    first.end("FINISHED")
    assert open_run(uri, "sweep-finished").run_id == first.run_id
    assert connect(uri).get_run(first.run_id).info.status == "RUNNING"
    first.end("FINISHED")
    assert open_run(uri, "sweep-finished", again=False).run_id != first.run_id


def test_a_trial_without_a_run_stays_without(uri: str) -> None:
    parent = open_run(uri, "sweep-b")
    children = Children(uri, parent)
    children.settle({"nothing": Ending("FAILED", "no dataset")})
    assert children.all() == {}
