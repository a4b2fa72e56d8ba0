"""Sweeps in trouble: no finished trial is run again, nothing is left RUNNING, and the result is the same."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from adcraft.tracking.connection import connect
from adcraft.tracking.provenance import COMMIT, COMMIT_TAG
from cluster.local import local_head
from tests.drills.training_job import SLOW, JobProcess
from tests.drills.two_nodes import two_nodes
from tests.jobs import furnish, training_workers
from tests.mlflow_server import Server
from tests.prepared import write_prepared
from tests.small_disk import fill, small_disk
from tests.sweeps import write_sweep

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
RATES = [0.02, 0.01]
EPOCHS = 3
OVERRIDES = (*SLOW, f"train.max_epochs={EPOCHS}", "train.samples=0")
EVERY_EPOCH = [(trial, epoch) for trial in range(len(RATES)) for epoch in range(1, EPOCHS + 1)]

Reports = dict[tuple[int, int], float]


def reports(home: Path) -> Reports:
    """The validation loss of each trial's epochs, as the journal has them."""
    journal = home / "train" / "sweeps" / "tiny" / "journal.jsonl"
    if not journal.exists():
        return {}
    events = [json.loads(line) for line in journal.read_text().splitlines(keepends=True) if line[-1] == "\n"]
    epochs = [event for event in events if event["event"] == "epoch"]
    found = {
        (event["number"], int(event["metrics"]["epoch"])): event["metrics"]["validation_loss"]
        for event in epochs
    }
    assert len(found) == len(epochs), "an epoch was reported twice"
    return found


class SweepJob(JobProcess):
    """A sweep of two trials, one at a time."""

    def __init__(self, home: Path, *overrides: str) -> None:
        sets = (f"--set={override}" for override in (*OVERRIDES, *overrides))
        super().__init__(home, ["tuning", "sweep", "--config", str(home / "tiny.yaml"), *sets])

    def wait_for_report(self, trial: int, epoch: int) -> None:
        self.wait_until(lambda: (trial, epoch) in reports(self.home))

    def kill_the_trials_driver(self) -> None:
        children = psutil.Process(self.process.pid).children(recursive=True)
        (driver,) = (child for child in children if "ImplicitFunc" in "".join(child.cmdline()[:1]))
        driver.kill()


Start = Callable[..., SweepJob]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start sweeps, first the undisturbed one; whatever they leave is ended after the tests."""
    jobs: list[SweepJob] = []

    def start(home: Path, *overrides: str) -> SweepJob:
        write_home(home, like=jobs[0].home if jobs else None)
        jobs.append(SweepJob(home, *overrides))
        return jobs[-1]

    yield start
    for job in jobs:
        job.stop()


@pytest.fixture(scope="module")
def undisturbed(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What a sweep reports that nothing happens to."""
    job = start(tmp_path_factory.mktemp("undisturbed") / "home")
    assert job.end() == 0, job.said
    assert sorted(reports(job.home)) == EVERY_EPOCH
    return reports(job.home)


def write_home(home: Path, like: Path | None) -> None:
    if not (home / "tiny.yaml").exists():
        home.mkdir(exist_ok=True)
        if like:
            furnish(home, like)
        else:
            write_prepared(home / "data", rows=500)
        write_sweep(
            home,
            space={"train.learning_rate": {"choice": RATES}},
            budget={"trials": len(RATES)},
            max_concurrent=1,
        )


def runs_of(uri: str) -> list[Any]:
    client = connect(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'adcraft'")
    return list(client.search_runs([experiment.experiment_id]))


def statuses(uri: str) -> set[str]:
    return {run.info.status for run in runs_of(uri)}


def assert_as_undisturbed(home: Path, undisturbed: Reports, uri: str = "") -> None:
    """All epochs of all trials once, with the same losses; all runs FINISHED; one version."""
    found = reports(home)
    assert sorted(found) == EVERY_EPOCH
    assert found == pytest.approx(undisturbed, rel=1e-3)
    client = connect(uri or f"sqlite:///{home}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'adcraft'")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * (1 + len(RATES))
    for run in runs:
        if "mlflow.parentRunId" in run.data.tags:
            assert "adcraft.reason" not in run.data.tags or not run.data.tags["adcraft.reason"]
            epochs: list[Any] = client.get_metric_history(run.info.run_id, "epoch")
            assert [metric.value for metric in epochs] == list(range(1, EPOCHS + 1))
            steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "step/loss")]
            assert steps == sorted(set(steps))
    assert [str(version.version) for version in client.search_model_versions("name = 'ad_copy'")] == ["1"]


def test_the_disk_is_full_then_the_driver_is_killed_and_then_interrupted(
    start: Start, tmp_path: Path, undisturbed: Reports
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with small_disk(home, "64m"):
        full = start(home)
        full.wait_for_report(0, 1)
        fill(home / "filler")
        assert full.end() == 9, full.said
        assert "Free space, and run it again." in full.result["error"]
        assert "Traceback" not in full.said
        full.assert_nothing_is_left()
        (home / "filler").unlink()

        killed = start(home)
        killed.wait_for_report(1, 1)
        killed.process.kill()
        assert killed.end() == -signal.SIGKILL
        killed.assert_nothing_is_left()

        interrupted = start(home)
        interrupted.wait_for_report(1, 2)
        interrupted.send_to_all(signal.SIGINT)
        assert interrupted.end() == 130, interrupted.said
        interrupted.assert_nothing_is_left()
        assert statuses(f"sqlite:///{home}/mlflow.db") == {"FINISHED", "KILLED"}

        last = start(home)
        assert last.end() == 0, last.said
        assert last.result["trials"] == {"finished": 2, "killed": 0, "failed": 0, "running": 0}
        assert_as_undisturbed(home, undisturbed)
        last.assert_nothing_is_left()


def test_mlflow_is_away_then_a_worker_and_a_driver_of_a_trial_are_killed(
    start: Start, tmp_path: Path, undisturbed: Reports
) -> None:
    """On two CPUs, where a placement group that is left behind would keep the trial from going on."""
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    try:
        server.wait()
        job = start(tmp_path / "home", f"tracking.uri={server.uri}")
        job.wait_for_report(0, 1)
        server.leash.stop()
        time.sleep(20)
        server.restart()
        job.wait_for_report(1, 1)
        job.kill_a_worker()
        job.wait_for_report(1, 2)
        job.kill_the_trials_driver()
        assert job.end() == 0, job.said
        assert_as_undisturbed(job.home, undisturbed, server.uri)
        job.assert_nothing_is_left()
    finally:
        server.leash.stop()


def test_a_node_is_killed(start: Start, tmp_path: Path, undisturbed: Reports) -> None:
    """Two trials at a time on two nodes; then the rest of both on one."""
    with two_nodes(num_cpus=2) as nodes:
        job = start(tmp_path / "home", f"ray.address={nodes.address}", "sweep.max_concurrent=2")
        job.wait_for_report(0, 1)
        nodes.kill_one_that_trains()
        assert job.end() == 0, job.said
        assert job.result["trials"] == {"finished": 2, "killed": 0, "failed": 0, "running": 0}
        assert_as_undisturbed(job.home, undisturbed)


def test_a_trial_without_memory_fails_alone(start: Start, tmp_path: Path, undisturbed: Reports) -> None:
    large = ("model.scratch.d_ff=4096", "train.tokens_per_batch=4096", "train.max_epochs=8")
    job = start(tmp_path / "home", *large)
    job.wait_for_report(0, 1)
    (worker,) = training_workers(psutil.Process(job.process.pid))
    room = worker.memory_info().vms + 2**24  # a matrix of the feed-forward layers takes more
    worker.rlimit(psutil.RLIMIT_AS, (room, room))
    assert job.end() == 0, job.said
    assert job.result["trials"] == {"finished": 1, "killed": 0, "failed": 1, "running": 0}
    assert job.result["best"]["trial"] == 1
    assert "trial   0 failed: A training worker ran out of memory: " in job.said
    assert "Traceback" not in job.said
    assert statuses(f"sqlite:///{job.home}/mlflow.db") == {"FINISHED", "FAILED"}
    job.assert_nothing_is_left()


def test_ray_job_stop_and_the_same_job_again(tmp_path: Path, undisturbed: Reports) -> None:
    home = tmp_path / "home"
    write_home(home, like=None)
    sets = (part for override in OVERRIDES[:-1] for part in ("--set", override) if "num_cpus" not in override)
    sweep = [
        "python",
        "-m",
        "tuning",
        "sweep",
        "--config",
        f"{home}/tiny.yaml",
        *sets,
        "--set",
        OVERRIDES[-1],
    ]
    with local_head(num_cpus=2) as head:

        def ray_job(*arguments: str) -> str:
            done = subprocess.run(
                [RAY, "job", *arguments],
                cwd=ROOT, env={**os.environ, **head.access}, capture_output=True, text=True, timeout=300,
                check=False,
            )  # fmt: skip
            return done.stdout + done.stderr

        variables = {"env_vars": {COMMIT: "c0ffee"}}
        submit = ("submit", "--working-dir", ".", "--runtime-env-json", json.dumps(variables))
        submitted = ray_job(*submit, "--no-wait", "--", *sweep)
        (name,) = set(re.findall(r"raysubmit_\w+", submitted))
        deadline = time.monotonic() + 300
        while (1, 1) not in reports(home):
            assert time.monotonic() < deadline, ray_job("logs", name)
            time.sleep(0.5)
        assert "was stopped" in ray_job("stop", name)
        assert statuses(f"sqlite:///{home}/mlflow.db") == {"FINISHED", "KILLED"}, ray_job("logs", name)
        said = ray_job(*submit, "--", *sweep)
        assert '"ok": true' in said, said
    assert_as_undisturbed(home, undisturbed)
    assert {run.data.tags[COMMIT_TAG] for run in runs_of(f"sqlite:///{home}/mlflow.db")} == {"c0ffee"}
