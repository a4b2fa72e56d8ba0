"""Sweeps end to end on one small Ray, with models of a few thousand weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adcraft.inference.bundle import open_bundle
from adcraft.registry import Registry
from adcraft.tracking.connection import connect
from tests.jobs import Job, TrainedHome, furnish
from tests.sweeps import run_sweep_job, write_sweep
from tuning.study import Study

pytestmark = pytest.mark.integration

PNG = b"\x89PNG\r\n\x1a\n"
# One that learns, one that diverges, one that learns nothing.
RATES = (0.02, 1e30, 1e-9)


class SweptHome:
    """A home, the sweep's file in it, and what its MLflow knows."""

    def __init__(self, home: Path, like: TrainedHome, **changes: Any) -> None:
        """``like`` had the same dataset, base model and token ids, so they are not made anew."""
        self.home = home
        self.dataset = like.dataset
        furnish(home, like.home)
        self.file = write_sweep(home, **changes)
        self.uri = f"sqlite:///{home}/mlflow.db"

    def run(self, *overrides: str, command: str = "sweep") -> Job:
        return run_sweep_job(self.file, *overrides, command=command)

    def client(self) -> Any:
        return connect(self.uri)

    def runs(self) -> list[Any]:
        (experiment,) = self.client().search_experiments(filter_string="name = 'adcraft'")
        found = self.client().search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
        return list(found)

    def children(self) -> list[Any]:
        """By the number of their trial."""
        runs = [run for run in self.runs() if "mlflow.parentRunId" in run.data.tags]
        return sorted(runs, key=lambda run: int(run.data.tags["adcraft.trial"]))

    def epochs(self, run: Any) -> list[float]:
        return [metric.value for metric in self.client().get_metric_history(run.info.run_id, "epoch")]


@pytest.fixture(scope="module")
def swept(trained: TrainedHome, tmp_path_factory: pytest.TempPathFactory) -> SweptHome:
    return SweptHome(
        tmp_path_factory.mktemp("swept"),
        trained,
        space={"train.learning_rate": {"choice": list(RATES)}},
        scheduler={"name": "asha", "reduction_factor": 3},
        max_concurrent=1,  # so that it is known what is compared with what
    )


@pytest.fixture(scope="module")
def job(swept: SweptHome) -> Job:
    return swept.run()


def test_the_result_says_what_won(swept: SweptHome, job: Job) -> None:
    assert job.code == 0, job.err
    result = job.result
    assert (result["stage"], result["name"], result["reused"]) == ("sweep", "tiny", False)
    assert result["trials"] == {"finished": 1, "killed": 1, "failed": 1, "running": 0}
    assert result["best"]["values"] == {"train.learning_rate": 0.02}
    assert result["best"]["metrics"]["validation_loss"] < 10
    assert (result["model_version"], result["aliases"]) == ("1", ["champion"])
    assert result["dataset_version"] == swept.dataset.version


def test_every_trial_has_a_run_that_ended_as_it_did(swept: SweptHome, job: Job) -> None:
    runs = swept.runs()
    assert len(runs) == 4
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.run_id == job.result["run_id"]
    assert (parent.info.run_name, parent.info.status) == ("tiny", "FINISHED")
    assert parent.data.params["search.algorithm"] == "grid"
    assert parent.data.metrics["trials_finished"] == 1
    assert parent.data.metrics["best_validation_loss"] == job.result["best"]["metrics"]["validation_loss"]
    children = swept.children()
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert [run.info.status for run in children] == ["FINISHED", "FAILED", "KILLED"]
    assert [float(run.data.params["train.learning_rate"]) for run in children] == list(RATES)
    assert "diverged" in children[1].data.tags["adcraft.reason"]
    assert children[2].data.tags["adcraft.reason"].startswith("asha: number 2 of 2 after epoch 1")
    assert swept.epochs(children[0]) == [1, 2]
    assert swept.epochs(children[2]) == [1]
    for run in children:
        (given,) = run.inputs.dataset_inputs
        assert given.dataset.digest == swept.dataset.version
        assert "torch" in run.data.tags["adcraft.environment"]


def test_the_winner_is_registered_from_its_own_run(swept: SweptHome, job: Job, tmp_path: Path) -> None:
    registry = Registry(swept.uri, "ad_copy")
    version = registry.resolve("champion")
    assert version.run_id == swept.children()[0].info.run_id == job.result["best"]["run_id"]
    bundle = open_bundle(registry.download(version, tmp_path))
    assert bundle.manifest.run.name == "tiny-000"
    assert len(swept.client().search_model_versions("name = 'ad_copy'")) == 1


def test_the_report_is_in_mlflow_and_on_disk(swept: SweptHome, job: Job, tmp_path: Path) -> None:
    folder = Path(swept.client().download_artifacts(job.result["run_id"], "", str(tmp_path)))
    for name in ("parallel_coordinates.png", "learning_curves.png"):
        assert (folder / name).read_bytes().startswith(PNG)
        assert (Path(job.result["report"]) / name).read_bytes().startswith(PNG)
    text = (folder / "report.txt").read_text()
    assert "3 trials (1 FINISHED, 1 KILLED, 1 FAILED)" in text
    assert text.strip() in job.err
    asked = swept.run(command="report")
    assert asked.code == 0
    assert "asha: number 2 of 2" in asked.out
    assert asked.result["trials"] == job.result["trials"]


def test_progress_is_told(job: Job) -> None:
    assert "3 of at most 3 trials over (1 finished, 1 stopped, 1 failed)" in job.err
    assert "Traceback" not in job.err


def test_the_same_sweep_again_trains_nothing(swept: SweptHome, job: Job) -> None:
    again = swept.run("sweep.budget.trials=3", "sweep.max_concurrent=2")
    assert again.code == 0, again.err
    assert again.result["reused"] is True
    assert again.result["best"] == job.result["best"]
    assert again.result["model_version"] == "1"
    assert len(swept.runs()) == 4
    assert {run.info.status for run in swept.runs()} == {"FINISHED", "FAILED", "KILLED"}


@pytest.mark.drill  # four parts of trials: a minute and more
def test_a_member_of_a_population_goes_on_from_another_ones_checkpoint(
    trained: TrainedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two members of two epochs, of which one learns nothing. The process ends after the first epoch of the
    good one's child; then the sweep goes on.
    """
    home = SweptHome(
        tmp_path,
        trained,
        space={"train.learning_rate": {"log_uniform": [1e-9, 0.02], "points": 2}},
        scheduler={"name": "pbt", "population": 2, "interval": 1, "quantile": 0.5, "resample": 0},
    )
    told = Study.report

    def report(study: Study, number: int, metrics: Any) -> bool:
        goes_on = told(study, number, metrics)
        if number == 2:
            raise KeyboardInterrupt
        return goes_on

    monkeypatch.setattr(Study, "report", report)
    first = home.run("train.patience=0", "train.keep_checkpoints=1")
    assert first.code == 130, first.err
    monkeypatch.undo()
    job = home.run("train.patience=0", "train.keep_checkpoints=1")
    assert job.code == 0, job.err
    assert job.result["trials"] == {"finished": 2, "killed": 1, "failed": 0, "running": 0}
    assert job.result["epochs"] == 4
    poor, parent, child = home.children()
    assert [run.info.status for run in (poor, parent, child)] == ["KILLED", "FINISHED", "FINISHED"]
    assert (
        "goes on as trial 2 from trial 1 with train.learning_rate 0.016" in poor.data.tags["adcraft.reason"]
    )
    assert (child.data.tags["adcraft.parent_trial"], child.data.tags["adcraft.parent_epoch"]) == ("1", "1")
    assert "adcraft.parent_trial" not in parent.data.tags
    assert [home.epochs(run) for run in (poor, parent, child)] == [[1], [1, 2], [2]]
    steps = [
        [metric.step for metric in home.client().get_metric_history(run.info.run_id, "step/loss")]
        for run in (parent, child)
    ]
    assert steps[1][0] == len(steps[0]) // 2 + 1  # it counts on, and so does the schedule
    assert steps[1][-1] == steps[0][-1]
    known = home.client().get_metric_history(parent.info.run_id, "train_loss")[0].value
    assert child.data.metrics["train_loss"] < known  # it goes on from what its parent had learnt
    assert float(child.data.params["train.learning_rate"]) == 0.016
    assert job.result["best"]["lineage"][-1] == job.result["best"]["trial"]
    assert "1@1" in job.err


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (
            ["train.seed=99"],
            2,
            ["another sweep of the name 'tiny'", "settings.train.seed (7 there, 99 here)"],
        ),
        (
            ["train.num_workers=64"],
            10,
            ["train.num_workers = 64 can never run", "1 node(s) with 8 logical CPUs"],
        ),
        (["data.version=0000000000000000"], 4, ["no version '0000000000000000'"]),
        (["tracking.uri=http://127.0.0.1:9"], 7, ["can't be reached"]),
        (["sweep.objective.metric=rouge"], 2, ["no trial reports it"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_refused_at_once(
    swept: SweptHome, job: Job, overrides: list[str], code: int, words: list[str]
) -> None:
    refused = swept.run(*overrides)
    assert refused.code == code, refused.err
    assert all(word in refused.result["error"] for word in words), refused.result["error"]
    assert "Traceback" not in refused.err
    assert refused.seconds < 60
    assert len(swept.runs()) == 4


def test_a_report_of_no_sweep_is_refused(swept: SweptHome) -> None:
    asked = swept.run("sweep.name=other", command="report")
    assert asked.code == 2
    assert "There is no sweep 'other'" in asked.result["error"]
