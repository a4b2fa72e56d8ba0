"""What MLflow says of runs whose process was killed, or goes on in another one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from adcraft.tracking.connection import connect
from adcraft.tracking.provenance import COMMIT_TAG
from adcraft.tracking.run_log import ATTEMPT_TAG, PARENT_TAG, REASON_TAG, RunLog
from adcraft.training.leftovers import end_killed_runs
from adcraft.training.run_state import LOCK

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow about itself


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):
        uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
        connect(uri)
        yield uri


def open_run(uri: str, key: str, **tags: str) -> RunLog:
    return RunLog(uri, "runs", key, key, {"adcraft.version": "1", **tags})


def tags(run_log: RunLog, uri: str) -> dict[str, Any]:
    return dict(connect(uri).get_run(run_log.run_id).data.tags)


def test_a_run_that_nobody_trains_is_ended_and_no_other(uri: str, tmp_path: Path) -> None:
    logs = {key: open_run(uri, key) for key in ("killed", "trained", "elsewhere", "finished")}
    logs["child"] = open_run(uri, "child", **{PARENT_TAG: logs["trained"].run_id})
    for key in ("killed", "trained", "finished", "child"):
        (tmp_path / key).mkdir()
        (tmp_path / key / LOCK).touch()
    logs["finished"].end("FINISHED")
    with FileLock(tmp_path / "trained" / LOCK):
        end_killed_runs(uri, logs["killed"].experiment_id, tmp_path)
    found = {key: connect(uri).get_run(log.run_id) for key, log in logs.items()}
    assert {key: run.info.status for key, run in found.items()} == {
        "killed": "KILLED",
        "trained": "RUNNING",
        "elsewhere": "RUNNING",
        "finished": "FINISHED",
        "child": "RUNNING",
    }
    assert {key for key, run in found.items() if REASON_TAG in run.data.tags} == {"killed"}
    assert found["killed"].data.tags[REASON_TAG] == "its process was killed"

    again = open_run(uri, "killed")
    assert again.run_id == logs["killed"].run_id
    assert REASON_TAG not in tags(again, uri)
    assert json.loads(tags(again, uri)[f"{ATTEMPT_TAG}1"])[REASON_TAG] == "its process was killed"


def test_a_run_that_goes_on_says_by_which_code(uri: str) -> None:
    open_run(uri, "resumed", **{"adcraft.code": "a", COMMIT_TAG: "c0ffee"})
    same = open_run(uri, "resumed", **{"adcraft.code": "a", COMMIT_TAG: "c0ffee"})
    assert not [name for name in tags(same, uri) if name.startswith(ATTEMPT_TAG)]
    open_run(uri, "resumed", **{"adcraft.code": "b", COMMIT_TAG: "dec0de"})
    last = open_run(uri, "resumed", **{"adcraft.code": "c"})
    found = tags(last, uri)
    assert found["adcraft.code"] == "c"
    assert COMMIT_TAG not in found  # nothing told it
    assert json.loads(found[f"{ATTEMPT_TAG}1"])["adcraft.code"] == "a"
    assert json.loads(found[f"{ATTEMPT_TAG}2"]) == {
        "adcraft.version": "1",
        "adcraft.code": "b",
        COMMIT_TAG: "dec0de",
    }
