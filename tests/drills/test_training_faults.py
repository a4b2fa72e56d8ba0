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

from tests.drills.training_job import Traces, TrainingJob, furnish
from tests.drills.two_nodes import TwoNodes, two_nodes
from tests.jobs import training_workers
from tests.prepared import write_prepared

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

Start = Callable[..., TrainingJob]
Stop = Callable[[TrainingJob], None]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a training that nothing happened to."""
    home = tmp_path_factory.mktemp("undisturbed")
    write_prepared(home / "data", rows=1600)
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


def test_one_worker_goes_on_from_the_shards_of_two_until_a_node_comes_back(
    start: Start, nodes: TwoNodes, tmp_path: Path
) -> None:
    """Ray looks for it once a minute."""
    job = start(
        tmp_path / "home",
        f"ray.address={nodes.address}",
        "train.num_workers=2",
        "train.min_workers=1",
        "train.strategy=fsdp",
        "train.tokens_per_batch=768",
        "train.max_epochs=500",
    )

    def workers() -> int:
        return len(training_workers(psutil.Process()))

    job.wait_for_the_middle_of_an_epoch()
    nodes.kill_one_that_trains()
    job.wait_until(lambda: workers() == 1)
    job.wait_for("epoch 2 done")
    nodes.add_one()
    job.wait_until(lambda: workers() == 2)
    done = job.said.count(" done: ")
    job.wait_until(lambda: job.said.count(" done: ") > done)
    job.process.send_signal(signal.SIGTERM)
    assert job.end() == 130, job.said
    assert "Traceback" not in job.said
    traces = Traces(f"sqlite:///{job.home}/mlflow.db")
    epochs = [value for _, value in traces.history("epoch")]
    assert epochs == list(range(1, len(epochs) + 1)), "an epoch was lost or logged twice"
    losses = [value for _, value in traces.history("validation_loss")]
    assert min(losses[2:]) < losses[0]


def test_driver_killed_at_once_and_then_all_its_processes(start: Start, tmp_path: Path, undisturbed) -> None:
    home = tmp_path / "home"
    kills: list[tuple[int, Stop]] = [
        (1, lambda job: job.process.kill()),
        (2, lambda job: job.send_to_all(signal.SIGKILL)),
    ]
    for epoch, kill in kills:
        job = start(home)
        job.wait_for_the_middle_of_an_epoch(after=epoch)
        kill(job)
        assert job.end() == -signal.SIGKILL
        job.assert_nothing_is_left()
        assert Traces(f"sqlite:///{home}/mlflow.db").status == "RUNNING"
    last = start(home)
    assert last.end() == 0, last.said
    assert "epoch 2 done" not in last.said, "it began again instead of going on"
    assert last.result["aliases"] == ["champion"]
    assert_as_undisturbed(f"sqlite:///{home}/mlflow.db", undisturbed)


def test_interrupted_by_ctrl_c_and_then_by_sigterm(start: Start, tmp_path: Path, undisturbed) -> None:
    home = tmp_path / "home"
    interrupts: list[tuple[int, Stop]] = [
        (1, lambda job: job.send_to_all(signal.SIGINT)),
        (2, lambda job: job.process.send_signal(signal.SIGTERM)),
    ]
    for epoch, interrupt in interrupts:
        job = start(home)
        job.wait_for_the_middle_of_an_epoch(after=epoch)
        interrupt(job)
        assert job.end() == 130, job.said
        assert job.result["error"].startswith("Interrupted")
        assert "Traceback" not in job.said
        job.assert_nothing_is_left()
        assert Traces(f"sqlite:///{home}/mlflow.db").status == "KILLED"
    last = start(home)
    assert last.end() == 0, last.said
    assert "epoch 2 done" not in last.said
    assert_as_undisturbed(f"sqlite:///{home}/mlflow.db", undisturbed)


def test_job_interrupted_early(start: Start, tmp_path: Path) -> None:
    job = start(tmp_path / "home", "model.source_tokens=63")  # so that there is something to encode
    job.wait_for("encoding the train split")
    time.sleep(1)
    job.send_to_all(signal.SIGINT)
    assert job.end() == 130, job.said
    assert "Traceback" not in job.said
    job.assert_nothing_is_left()
