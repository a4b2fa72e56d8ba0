"""Training that is killed or interrupted, or loses a node: it ends as if nothing had happened. For workers
that are killed, disks that are full, MLflow that is away and memory that runs out, see the drills of sweeps,
whose trials are such trainings.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.drills.training_job import Traces, TrainingJob
from tests.drills.two_nodes import TwoNodes, two_nodes
from tests.jobs import furnish, training_workers
from tests.prepared import write_prepared

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

Start = Callable[..., TrainingJob]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a training that nothing happened to."""
    home = tmp_path_factory.mktemp("undisturbed")
    write_prepared(home / "data", rows=1000)
    job = TrainingJob(home)
    try:
        assert job.end() == 0, job.said
    finally:
        job.stop()
    return home


@pytest.fixture(scope="module")
def undisturbed(ready: Path) -> dict[str, list[tuple[int, float]]]:
    """What it logged."""
    traces = Traces(f"sqlite:///{ready}/mlflow.db")
    return {metric: traces.history(metric) for metric in ("epoch", "validation_loss", "step/loss")}


@pytest.fixture
def start(ready: Path) -> Iterator[Start]:
    """Start jobs; whatever they leave is ended after the test."""
    jobs: list[TrainingJob] = []

    def start(home: Path, *overrides: str) -> TrainingJob:
        if not (home / "data").exists():
            furnish(home, ready)
        jobs.append(TrainingJob(home, *overrides))
        return jobs[-1]

    yield start
    for job in jobs:
        job.stop()


@pytest.fixture
def nodes() -> Iterator[TwoNodes]:
    with two_nodes(num_cpus=1) as nodes:
        yield nodes


def assert_as_undisturbed(uri: str, undisturbed: dict[str, list[tuple[int, float]]]) -> None:
    """The same epochs and steps, each logged once; the same losses; one finished run, one version."""
    traces = Traces(uri)
    assert traces.status == "FINISHED"
    assert traces.versions() == ["1"]
    for metric, expected in undisturbed.items():
        found = traces.history(metric)
        assert [step for step, _ in found] == [step for step, _ in expected], metric
        assert [value for _, value in found] == pytest.approx([v for _, v in expected], rel=1e-3), metric
    assert traces.artifacts() == {"bundle", "learning_curve.png", "samples.json", "settings.json"}


def test_one_worker_goes_on_from_the_shards_of_two_when_a_node_is_killed(
    start: Start, nodes: TwoNodes, tmp_path: Path, undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "20"
    )  # that it waits for the lost node: not 60
    job = start(
        tmp_path / "home",
        f"ray.address={nodes.address}",
        "train.num_workers=2",
        "train.min_workers=1",
        "train.strategy=fsdp",
    )
    job.wait_for_the_middle_of_an_epoch()
    assert len(training_workers(psutil.Process())) == 2
    nodes.kill_one_that_trains()
    assert job.end() == 0, job.said
    assert "Traceback" not in job.said
    traces = Traces(f"sqlite:///{job.home}/mlflow.db")
    assert traces.status == "FINISHED"
    assert [value for _, value in traces.history("epoch")] == [1, 2, 3]
    # The global batch was twice as large from the first step to the last.
    assert len(traces.history("step/loss")) == pytest.approx(len(undisturbed["step/loss"]) / 2, rel=0.01)
    losses = [value for _, value in traces.history("validation_loss")]
    assert losses == pytest.approx([value for _, value in undisturbed["validation_loss"]], rel=0.25)


def test_driver_killed_and_then_interrupted(start: Start, tmp_path: Path, undisturbed) -> None:
    """That all processes of a job are killed, or get Ctrl-C, is in the drills of sweeps and of the demo."""
    home = tmp_path / "home"
    killed = start(home)
    killed.wait_for_the_middle_of_an_epoch()
    killed.process.kill()
    assert killed.end() == -signal.SIGKILL
    killed.assert_nothing_is_left()
    assert Traces(f"sqlite:///{home}/mlflow.db").status == "RUNNING"

    interrupted = start(home)
    interrupted.wait_for_the_middle_of_an_epoch(after=2)
    interrupted.process.send_signal(signal.SIGTERM)
    assert interrupted.end() == 130, interrupted.said
    assert interrupted.result["error"].startswith("Interrupted")
    assert "Traceback" not in interrupted.said
    interrupted.assert_nothing_is_left()
    assert Traces(f"sqlite:///{home}/mlflow.db").status == "KILLED"

    last = start(home)
    assert last.end() == 0, last.said
    assert "epoch 2 done" not in last.said, "it began again instead of going on"
    assert last.result["aliases"] == ["champion"]
    assert_as_undisturbed(f"sqlite:///{home}/mlflow.db", undisturbed)


def test_job_interrupted_early(start: Start, tmp_path: Path) -> None:
    job = start(tmp_path / "home", "model.source_tokens=63")  # so that there is something to encode
    job.wait_for("encoding the train split")
    time.sleep(1)
    job.send_to_all(signal.SIGINT)
    assert job.end() == 130, job.said
    assert "Traceback" not in job.said
    job.assert_nothing_is_left()
