"""Training, deciding and looking back on a real MLflow server with PostgreSQL and S3."""

from __future__ import annotations

import functools
import json
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adcraft.decision import promotion
from adcraft.decision.promotion import promote
from adcraft.errors import AliasError
from adcraft.inference.bundle import open_bundle
from adcraft.registry import Registry
from adcraft.tracking.connection import connect
from adcraft.tracking.run_log import RunLog
from adcraft.tracking.turn import DECIDING_TAG, alone
from tests.jobs import Job, run_job, train_arguments
from tests.mlflow_stack import Stack
from tests.object_store import BUCKET
from tests.prepared import write_prepared
from tests.shops import BETTER, Shop, new_shop

# A drill: two servers are started, and three models trained.
pytestmark = [pytest.mark.integration, pytest.mark.drill, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="module")
def arguments(stack: Stack, ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    home = tmp_path_factory.mktemp("shop")
    write_prepared(home / "data")
    rules = ("promote.primary=loss", "promote.guards={}", "promote.min_products=1")
    return train_arguments(home, f"tracking.uri={stack.uri}", *rules)


@pytest.fixture(scope="module")
def champion(arguments: list[str]) -> Job:
    """Version 1, which is trained less than it might be."""
    return run_job(arguments, "train.max_epochs=1")


@pytest.fixture(scope="module")
def challenger(arguments: list[str], champion: Job) -> Job:
    return run_job(arguments)


@pytest.fixture(scope="module")
def evaluated(arguments: list[str], challenger: Job) -> Job:
    return run_job(arguments, stage="evaluate")


def test_a_run_is_in_postgres_and_its_bundle_in_s3(stack: Stack, champion: Job, tmp_path: Path) -> None:
    assert champion.code == 0, champion.err
    assert champion.result["aliases"] == ["champion"]
    assert "View run" not in champion.out  # MLflow tells it to standard output
    run_id = champion.result["run_id"]
    run = connect(stack.uri).get_run(run_id)
    assert (run.info.status, run.data.params["train.max_epochs"]) == ("FINISHED", "1")
    assert run.data.metrics["validation_loss"] == pytest.approx(
        champion.result["metrics"]["validation_loss"], abs=1e-6
    )
    steps = [metric.step for metric in connect(stack.uri).get_metric_history(run_id, "step/loss")]
    assert steps == list(range(1, len(steps) + 1))
    names = {key.split(f"{run_id}/artifacts/")[1] for key in stack.s3.names(f"runs/1/{run_id}/")}
    assert {"bundle/manifest.json", "learning_curve.png", "settings.json", "samples.json"} <= names

    registry = Registry(stack.uri, "ad_copy")
    bundle = open_bundle(registry.download(registry.resolve("champion"), tmp_path))  # every hash is checked
    assert bundle.manifest.run.id == run_id
    assert {f"bundle/{file}" for file in bundle.manifest.files} < names


def test_the_same_training_again_is_found(arguments: list[str], challenger: Job) -> None:
    again = run_job(arguments)
    assert again.result == {**challenger.result, "reused": True}


def test_evaluated_promoted_and_rolled_back(arguments: list[str], evaluated: Job, stack: Stack) -> None:
    assert evaluated.code == 0, evaluated.err
    assert (evaluated.result["model_version"], evaluated.result["against_version"]) == ("2", "1")
    assert run_job(arguments, stage="evaluate").result == {**evaluated.result, "reused": True}
    promoted = run_job(arguments, stage="promote")
    assert promoted.result["promoted"] is True, promoted.out
    assert promoted.result["figures"]["loss"] == evaluated.result["gains"]["loss"]
    registry = Registry(stack.uri, "ad_copy")
    assert registry.aliases() == {"champion": "2", "previous": "1"}
    assert run_job(arguments, stage="rollback").result["to"] == "1"
    assert registry.aliases() == {"champion": "1", "previous": "2"}


def test_values_that_a_database_may_refuse(stack: Stack) -> None:
    """A diverged trial's numbers, and texts longer than the columns are wide."""
    run_log = RunLog(stack.uri, "odd", run_key="odd", run_name="odd", tags={})
    run_log.epoch({"epoch": 1, "step": 1, "validation_loss": float("nan"), "train_loss": float("inf")})
    run_log.metrics({"tiny": 1e-300, "huge": 1e300}, step=2**40, time_ms=1)
    run_log.parameters({"data": {"columns": {"product_name": "Größe 😀 " * 2000}}, "none": None})
    run_log.tag("adcraft.reason", "x" * 20_000)
    run_log.end("FINISHED")
    data = connect(stack.uri).get_run(run_log.run_id).data
    assert data.metrics["validation_loss"] != data.metrics["validation_loss"]
    assert data.metrics["train_loss"] > 1e308
    assert (data.metrics["tiny"], data.metrics["huge"]) == (1e-300, 1e300)
    assert data.params["data.columns.product_name"].startswith("Größe 😀 Größe")
    assert len(data.tags["adcraft.reason"]) == 8000


def test_three_at_once_on_a_fresh_experiment_and_model(stack: Stack) -> None:
    """None waits for another for ever, none is refused, and no number is given twice.

    Three: MLflow's server tries three times to number a version that another was faster to take.
    """
    barrier = threading.Barrier(3, timeout=60)

    def train(key: str) -> str:
        barrier.wait()
        run_log = RunLog(stack.uri, "fresh", run_key=key, run_name=key, tags={})
        run_log.metrics({"loss": 1.0}, 1)
        run_log.text("{}", "bundle/manifest.json")
        run_log.end("FINISHED")
        registry = Registry(stack.uri, "fresh")
        return registry.register(
            run_id=run_log.run_id, run_name=key, run_key=key, dataset_version="d"
        ).version

    with ThreadPoolExecutor() as threads:
        assert sorted(threads.map(train, "abc")) == list("123")
    assert len(connect(stack.uri).search_experiments(filter_string="name = 'fresh'")) == 1
    assert "champion" in Registry(stack.uri, "fresh").aliases()


def test_two_machines_that_promote_at_once_leave_one_champion(stack: Stack, tmp_path: Path) -> None:
    """Two processes with a home each, so without a common lock; each has a better challenger."""
    shop = new_shop(tmp_path / "a", f"tracking.uri={stack.uri}")
    shop.train()
    for model in "23":
        shop.evaluate(BETTER, model=model)
    code = (
        "import sys, mlflow\n"
        "from adcraft.decision.promotion import promote\n"
        "from adcraft.settings import load_settings\n"
        "settings = load_settings(None, sys.argv[1:], {})\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(promote(settings).decision.after)"
    )
    machines = [
        subprocess.Popen(
            [sys.executable, "-c", code, *shop.arguments, f"home={home}", f"promote.challenger={version}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for home, version in ((tmp_path / "a", "2"), (tmp_path / "b", "3"))
    ]
    for machine in machines:
        assert machine.stdout
        assert machine.stdout.readline() == "ready\n"
    ends = [machine.communicate("go\n", timeout=100) for machine in machines]
    assert sorted(machine.returncode for machine in machines) == [0, 1], ends
    (winner,) = (out.strip() for out, _ in ends if out)
    assert any(f"against version {winner}, the champion" in err for _, err in ends)  # not evaluated against
    aliases = shop.aliases()
    assert (aliases["champion"], aliases["previous"]) == (winner, "1")
    assert not announcements(shop)


def announcements(shop: Shop) -> list[str]:
    tags = connect(shop.settings.tracking.uri).get_registered_model(shop.name).tags
    return [key for key in tags if key.startswith(DECIDING_TAG)]


def test_a_decision_waits_for_that_of_another_machine(
    stack: Stack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    here = new_shop(tmp_path / "here", f"tracking.uri={stack.uri}")
    here.evaluate(BETTER)
    promoting = threading.Thread(target=lambda: promote(here.settings))
    with alone(stack.uri, here.name, "bo@there"):
        promoting.start()
        while "bo@there is deciding" not in caplog.text:
            assert promoting.is_alive()
            time.sleep(0.05)
        assert here.aliases()["champion"] == "1"
    promoting.join()
    assert here.aliases()["champion"] == "2"
    assert not announcements(here)


def test_a_decision_that_never_ends(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a job that was killed: it is waited for, then told of, and after a while taken for killed."""
    shop = new_shop(tmp_path, f"tracking.uri={stack.uri}")
    shop.evaluate(BETTER)
    claim = {"by": "bo@there", "when": "2026-01-01T00:00:00.000000Z", "at": time.time()}
    tag = (shop.name, f"{DECIDING_TAG}killed")
    client = connect(stack.uri)
    client.set_registered_model_tag(*tag, json.dumps(claim))
    client.set_registered_model_tag(shop.name, f"{DECIDING_TAG}odd", "a note")
    monkeypatch.setattr(promotion, "alone", functools.partial(alone, patience_s=0))
    with pytest.raises(AliasError, match=r"bo@there has been deciding about model\d+ since 2026.* in \d+ s"):
        promote(shop.settings)
    assert shop.aliases()["champion"] == "1"
    client.set_registered_model_tag(*tag, json.dumps({**claim, "at": time.time() - 301}))
    assert promote(shop.settings).decision.action == "promote"
    assert "taken for killed" in caplog.text
    assert announcements(shop) == [f"{DECIDING_TAG}odd"]


def test_the_model_is_not_there(stack: Stack, tmp_path: Path) -> None:
    for stage in ("promote", "rollback", "history"):
        job = run_job([f"home={tmp_path}", f"tracking.uri={stack.uri}", "tracking.model=none"], stage=stage)
        assert job.code == 7
        assert f"No model 'none' is registered in MLflow at {stack.uri}. Train one" in job.result["error"]


def test_every_decision_is_told_newest_first(arguments: list[str], evaluated: Job) -> None:
    job = run_job(arguments, stage="history")
    assert job.code == 0, job.err
    assert [decision["action"] for decision in job.result["decisions"]] == ["rollback", "promote"]


def test_a_bundle_that_is_gone_from_s3(
    stack: Stack, arguments: list[str], evaluated: Job, champion: Job, tmp_path: Path
) -> None:
    """Last, since version 1 is no more after it."""
    folder = f"runs/1/{champion.result['run_id']}/artifacts/bundle/"
    for key in stack.s3.names(folder):
        stack.s3.client().delete_object(Bucket=BUCKET, Key=key)
    (home,) = (part.removeprefix("home=") for part in arguments if part.startswith("home="))
    shutil.rmtree(Path(home) / "models")
    job = run_job(arguments, "evaluate.model=1", "evaluate.against=none", stage="evaluate")
    assert job.code == 8, job.err
    assert job.result["error"].startswith("The bundle of ad_copy version 1 is gone: nothing is at mlflow-art")
    assert "Traceback" not in job.err
