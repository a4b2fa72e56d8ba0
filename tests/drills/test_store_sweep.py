"""MLflow's server with PostgreSQL and S3: a sweep whose files go through it, a training whose files go
straight to S3.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from adcraft.inference.bundle import open_bundle
from adcraft.registry import Registry
from adcraft.tracking.connection import connect
from tests.drills.training_job import JobProcess
from tests.jobs import train_arguments
from tests.mlflow_stack import BY_THE_CLIENT, THROUGH_THE_SERVER, Stack
from tests.prepared import write_prepared
from tests.sweeps import write_sweep

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

# One that learns, one that diverges, one that learns nothing.
RATES = (0.02, 1e30, 1e-9)


class SweptHome:
    """A home with a dataset and a sweep's file; its commands are processes with a Ray of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        self.dataset = write_prepared(home / "data")
        self.file = write_sweep(
            home,
            space={"train.learning_rate": {"choice": list(RATES)}},
            scheduler={"name": "asha", "reduction_factor": 3},
            max_concurrent=1,  # so that it is known what is compared with what
        )

    def run(self, *command: str) -> dict[str, Any]:
        job = JobProcess(self.home, [*command, "--set=ray.num_cpus=4"])
        try:
            assert job.end() == 0, job.said
            job.assert_nothing_is_left()
        finally:
            job.stop()
        return job.result

    def sweep(self, *overrides: str) -> dict[str, Any]:
        sets = (f"--set={override}" for override in overrides)
        return self.run("tuning", "sweep", "--config", str(self.file), *sets)


@pytest.fixture
def home(tmp_path: Path) -> SweptHome:
    return SweptHome(tmp_path / "home")


def test_files_go_through_the_server_and_two_workers_log_once(
    home: SweptHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stack(tmp_path, THROUGH_THE_SERVER) as stack:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.uri)
        first = home.sweep("train.num_workers=2")
        assert first["trials"] == {"finished": 1, "killed": 1, "failed": 1, "running": 0}
        check_layout(stack, first, home.dataset.version)
        registry = Registry(stack.uri, "ad_copy")
        bundle = open_bundle(registry.download(registry.resolve("champion"), tmp_path))
        assert bundle.manifest.run.id == first["best"]["run_id"]

        again = home.sweep("train.num_workers=2")
        assert again["reused"] is True
        check_layout(stack, again, home.dataset.version)


def test_files_go_straight_to_s3(home: SweptHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One training is enough to see it: a trial's run is written by the same code."""
    with Stack(tmp_path, BY_THE_CLIENT) as stack:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.uri)
        for name, value in stack.s3.environment.items():
            monkeypatch.setenv(name, value)
        trained = home.run("ray_jobs", "train", *(f"--set={each}" for each in train_arguments(home.home)))
        evaluated = home.run("ray_jobs", "evaluate", f"--set=home={home.home}")
        assert evaluated["model_version"] == trained["model_version"] == "1"
        for name in ("bundle/manifest.json", evaluated["page"]):
            assert any(key.endswith(f"{trained['run_id']}/artifacts/{name}") for key in stack.s3.names())


def check_layout(stack: Stack, result: dict[str, Any], dataset: str) -> None:
    """One parent, three children that ended as their trials did, all files in S3."""
    client = connect(stack.uri)
    (experiment,) = client.search_experiments(filter_string="name = 'adcraft'")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 4
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert (parent.info.run_id, parent.info.status) == (result["run_id"], "FINISHED")
    children = sorted(
        (run for run in runs if run is not parent), key=lambda run: int(run.data.tags["adcraft.trial"])
    )
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert [run.info.status for run in children] == ["FINISHED", "FAILED", "KILLED"]
    assert [float(run.data.params["train.learning_rate"]) for run in children] == list(RATES)
    assert "diverged" in children[1].data.tags["adcraft.reason"]
    assert children[2].data.tags["adcraft.reason"].startswith("asha: number 2 of 2 after epoch 1")
    assert not math.isfinite(children[1].data.metrics["validation_loss"])
    for run in children:
        assert run.inputs
        (given,) = run.inputs.dataset_inputs
        assert given.dataset.digest == dataset
    assert [metric.value for metric in client.get_metric_history(children[0].info.run_id, "epoch")] == [1, 2]
    kept = stack.s3.names()
    for run, name in ((children[0], "bundle/manifest.json"), (parent, "report.txt")):
        assert any(key.endswith(f"{run.info.run_id}/artifacts/{name}") for key in kept)
    assert [version.version for version in client.search_model_versions("name = 'ad_copy'")] == ["1"]
