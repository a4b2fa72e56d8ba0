"""Training end to end on one small Ray, with a model of a few thousand weights."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
from adcraft.inference.specimens import KEPT, agreement, read_specimens
from adcraft.registry import Registry
from adcraft.settings import load_settings
from adcraft.tracking.run_log import RunLog
from adcraft.training.inputs import RunInputs
from adcraft.training.run_key import run_key
from adcraft.training.run_state import LOCK, kept_in
from tests.jobs import TrainedHome, killing_a_worker, run_job
from tests.prepared import write_prepared

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


def mlflow_run(home: TrainedHome, run_id: str) -> Any:
    return home.client().get_run(run_id)


def history(home: TrainedHome, run_id: str, metric: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in home.client().get_metric_history(run_id, metric)]


def artifact(home: TrainedHome, run_id: str, name: str, folder: Path) -> Path:
    return Path(home.client().download_artifacts(run_id, name, str(folder)))


def assert_schedule_ends_with_the_run(home: TrainedHome, run_id: str) -> None:
    rates = [value for _, value in history(home, run_id, "step/learning_rate")]
    assert 0 < rates[-1] < 2.5 * max(rates) / len(rates)


def assert_it_began_from_a_trained_model(home: TrainedHome, run_id: str) -> None:
    first, from_nothing = (history(home, run, "step/loss")[0][1] for run in (run_id, home.run_id))
    assert first < from_nothing - 0.3


def test_result_says_what_was_made(trained: TrainedHome) -> None:
    result = trained.job.result
    assert trained.job.code == 0, trained.job.err
    assert (result["stage"], result["ok"], result["model_version"]) == ("train", True, "1")
    assert result["aliases"] == ["champion"]
    assert result["dataset_version"] == trained.dataset.version
    assert result["reused"] is False
    assert result["metrics"]["epoch"] in (1, 2)
    assert 0 < result["metrics"]["validation_loss"] < 10


def test_settings_are_parameters_and_a_file(trained: TrainedHome, tmp_path: Path) -> None:
    run = mlflow_run(trained, trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == trained.job.result["run_name"]
    assert run.data.params["train.max_epochs"] == "2"
    assert run.data.params["model.scratch.d_model"] == "32"
    settings = json.loads(artifact(trained, trained.run_id, "settings.json", tmp_path).read_text())
    assert settings["train"]["max_epochs"] == 2
    assert settings["data"]["root"] == str(trained.home / "data")


def test_dataset_is_the_runs_input(trained: TrainedHome) -> None:
    (given,) = mlflow_run(trained, trained.run_id).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("products", trained.dataset.version)
    assert json.loads(given.dataset.profile)["validation"] == 20
    assert json.loads(given.dataset.source)["uri"] == str(trained.dataset.path)


def test_metrics_of_every_step_and_epoch(trained: TrainedHome) -> None:
    losses = history(trained, trained.run_id, "step/loss")
    assert [step for step, _ in losses] == list(range(1, len(losses) + 1))
    assert len(losses) > 4
    for name in ("step/learning_rate", "step/gradient_norm"):
        assert len(history(trained, trained.run_id, name)) == len(losses)
    assert_schedule_ends_with_the_run(trained, trained.run_id)
    for name in ("train_loss", "validation_loss", "tokens_per_s", "elapsed_s"):
        assert [step for step, _ in history(trained, trained.run_id, name)] == [len(losses) // 2, len(losses)]
    assert [value for _, value in history(trained, trained.run_id, "epoch")] == [1, 2]
    first, last = (value for _, value in history(trained, trained.run_id, "validation_loss"))
    assert last < first
    assert mlflow_run(trained, trained.run_id).data.metrics["best_validation_loss"] == pytest.approx(last)


def test_learning_curve_is_a_picture(trained: TrainedHome, tmp_path: Path) -> None:
    picture = artifact(trained, trained.run_id, "learning_curve.png", tmp_path).read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) > 10_000


def test_samples_of_every_epoch_are_a_table(trained: TrainedHome, tmp_path: Path) -> None:
    table = json.loads(artifact(trained, trained.run_id, "samples.json", tmp_path).read_text())
    assert table["columns"] == ["epoch", "product", "generated", "reference"]
    assert [row[0] for row in table["data"]] == [1, 1, 2, 2]
    validation = [row["product_name"] for row in trained.dataset.rows("validation")]
    assert [row[1] for row in table["data"]] == validation[:2] * 2


def test_bundle_is_the_registered_version_and_answers(trained: TrainedHome, tmp_path: Path) -> None:
    registry = Registry(trained.uri, "ad_copy")
    version = registry.resolve("champion")
    assert (version.version, version.run_id) == ("1", trained.run_id)
    assert version.dataset_version == trained.dataset.version
    bundle = open_bundle(registry.download(version, tmp_path))
    assert bundle.manifest.run.id == trained.run_id
    assert bundle.manifest.dataset.version == trained.dataset.version
    assert bundle.manifest.metrics["validation_loss"] == trained.job.result["metrics"]["validation_loss"]
    assert not [file for file in bundle.path.rglob("*") if file.suffix in {".pkl", ".pt", ".ckpt"}]
    specimens = read_specimens(bundle.specimens)
    assert len(specimens.specimens) == KEPT
    engine = Generator.load(bundle, compute_type="float32").engine
    assert agreement(engine, specimens, bundle.manifest.prompt.target_tokens) == 1
    (answer,) = Generator.load(bundle).generate([{"product_name": "Desk Lamp", "brand": "Aera"}])
    assert answer.output_tokens


def test_progress_is_told_all_the_while(trained: TrainedHome) -> None:
    times = [
        float(line.split()[0]) for line in trained.job.err.splitlines() if " INFO adcraft.training." in line
    ]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) > 5
    assert max(waits) < 30, trained.job.err  # it is every 5 s; other processes want the CPU too


def test_same_settings_again_are_not_trained_again(trained: TrainedHome) -> None:
    again = run_job(trained.arguments)
    assert again.code == 0
    assert again.result["reused"] is True
    assert again.result["model_version"] == "1"
    assert again.result["aliases"] == ["champion"]
    assert again.result["metrics"] == pytest.approx(trained.job.result["metrics"])


def test_kill_between_registration_and_its_end_is_mended(trained: TrainedHome) -> None:
    trained.client().delete_registered_model_alias("ad_copy", "champion")
    trained.client().update_run(trained.run_id, status="RUNNING")
    again = run_job(trained.arguments)
    assert again.result["model_version"] == "1"
    assert again.result["aliases"] == ["champion"]
    assert mlflow_run(trained, trained.run_id).info.status == "FINISHED"
    assert [value for _, value in history(trained, trained.run_id, "epoch")] == [1, 2]


def test_killed_worker_changes_nothing_and_no_better_loss_stops_early(trained: TrainedHome) -> None:
    steps = len(history(trained, trained.run_id, "step/loss")) // 2
    with killing_a_worker(after="epoch 3 done") as killed:
        job = run_job(
            trained.arguments,
            "train.learning_rate=1e-12",  # too small to change a weight
            "train.patience=9",
            "train.max_epochs=50",
            "train.accumulate=2",
        )
    assert job.code == 0, job.err
    assert len(killed) == 1
    assert "no better validation loss in 9 epochs" in job.err
    run_id = job.result["run_id"]
    assert [value for _, value in history(trained, run_id, "epoch")] == list(range(1, 11))
    losses = history(trained, run_id, "step/loss")
    assert [step for step, _ in losses] == list(range(1, 10 * -(-steps // 2) + 1))
    assert mlflow_run(trained, run_id).info.status == "FINISHED"
    assert job.result["aliases"] == ["challenger"]  # a later version is no champion by itself
    assert Registry(trained.uri, "ad_copy").resolve("champion").version == "1"


def test_fresh_run_from_a_local_checkpoint_stops_when_time_is_up(
    trained: TrainedHome, tmp_path: Path
) -> None:
    registry = Registry(trained.uri, "ad_copy")
    base = registry.download(registry.resolve("1"), tmp_path) / "model"
    job = run_job(
        trained.arguments,
        f"model.base={base}",
        "train.fresh=true",
        "train.max_minutes=0.05",
        "train.max_epochs=1000",
        "train.patience=0",
    )
    assert job.code == 0, job.err
    assert job.result["reused"] is False
    assert "0.05 minutes are over" in job.err
    assert 2 <= job.result["metrics"]["elapsed_s"] < 30
    assert_it_began_from_a_trained_model(trained, job.result["run_id"])


def test_adapters_are_trained_and_served_as_plain_weights(trained: TrainedHome, tmp_path: Path) -> None:
    registry = Registry(trained.uri, "ad_copy")
    base = registry.download(registry.resolve("1"), tmp_path) / "model"
    overrides = [
        *trained.arguments,
        *("model.source_tokens=96", "model.target_tokens=96"),  # so that lengths differ and rows share lines
        *(f"model.base={base}", "train.lora.rank=4", "train.max_epochs=3"),
    ]
    job = run_job(overrides)
    assert job.code == 0, job.err
    assert_schedule_ends_with_the_run(trained, job.result["run_id"])
    losses = [value for _, value in history(trained, job.result["run_id"], "validation_loss")]
    assert losses[-1] < losses[0]
    assert_it_began_from_a_trained_model(trained, job.result["run_id"])
    key = run_key(load_settings(overrides=overrides), trained.dataset)
    kept = kept_in(trained.home / "train" / key)[-1]
    assert (kept / "model.safetensors").stat().st_size < (base / "model.safetensors").stat().st_size / 2
    bundle = open_bundle(registry.download(registry.resolve(job.result["model_version"]), tmp_path / "lora"))
    before, after = (load_file(folder / "model.safetensors") for folder in (base, bundle.model))
    assert before.keys() == after.keys()
    assert [name for name in before if not before[name].equal(after[name])]
    (answer,) = Generator.load(bundle).generate([{"product_name": "Desk Lamp", "brand": "Aera"}])
    assert answer.output_tokens


def test_diverging_run_is_refused_and_one_that_was_killed_before_it_is_ended(trained: TrainedHome) -> None:
    left = RunLog(trained.uri, "adcraft", "left", "left", {})
    (trained.home / "train" / "left").mkdir()
    (trained.home / "train" / "left" / LOCK).touch()
    before = {m.version for m in trained.client().search_model_versions("name = 'ad_copy'")}
    job = run_job(trained.arguments, "train.learning_rate=1e30", "train.max_epochs=3")
    assert job.code == 6, job.err
    assert "Training diverged" in job.result["error"]
    assert "learning rate 1e+30" in job.result["error"]
    assert "Traceback" not in job.err
    assert {m.version for m in trained.client().search_model_versions("name = 'ad_copy'")} == before
    (run,) = trained.client().search_runs(
        [mlflow_run(trained, trained.run_id).info.experiment_id], "params.`train.learning_rate` = '1e+30'"
    )
    assert run.info.status == "FAILED"
    assert mlflow_run(trained, left.run_id).info.status == "KILLED"


def test_workers_fault_is_one_sentence_with_its_cause(trained: TrainedHome) -> None:
    overrides = [*trained.arguments, "model.scratch.dropout=0.2", "train.max_failures=0"]
    settings = load_settings(overrides=overrides)
    base = RunInputs(settings, trained.dataset).base
    (base / "config.json").write_text('{"model_type": "t5", "d_model": "wide"}')
    job = run_job(overrides)
    assert job.code == 6
    assert job.result["error"].startswith("A training worker failed and train.max_failures is 0: ")
    assert "d_model" in job.result["error"]
    assert "\n" not in job.result["error"]
    assert "Traceback" not in job.err


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["train.num_workers=64"], 10, ["train.num_workers = 64", "8 logical CPUs"]),
        (["train.use_gpu=true"], 10, ["needs 1 GPUs", "has 0", "train.use_gpu=false"]),
        (["model.base=/no/such/folder"], 5, ["/no/such/folder", "is not a folder"]),
        (["model.base=nobody/nothing"], 5, ["nobody/nothing", "can't be loaded", "Check the name"]),
        (["data.version=0000000000000000"], 4, ["no version '0000000000000000'"]),
        (["data.name=nothing"], 4, ["No prepared dataset 'nothing'", "ray_jobs prepare"]),
        (["tracking.uri=http://127.0.0.1:9"], 7, ["http://127.0.0.1:9", "can't be reached"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_refused_at_once(trained: TrainedHome, overrides: list[str], code: int, words: list[str]) -> None:
    job = run_job(trained.arguments, *overrides)
    assert job.code == code, job.err
    assert all(word in job.result["error"] for word in words), job.result["error"]
    assert "Traceback" not in job.err
    assert job.seconds < 60  # MLflow's own client would ask for minutes


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_empty_split_is_refused_at_once(trained: TrainedHome, missing: str, tmp_path: Path) -> None:
    kept = tuple(split for split in ("train", "validation", "test") if split != missing)
    write_prepared(tmp_path, rows=30, splits=kept)
    job = run_job(trained.arguments, f"data.root={tmp_path}")
    assert job.code == 4
    assert f"The {missing} split of products/" in job.result["error"]
    assert "is empty" in job.result["error"]


@pytest.mark.drill
def test_two_workers_on_two_cpus_learn_what_one_learns(trained: TrainedHome) -> None:
    """In a Ray of its own: where workers hold every CPU, Ray Data waits for ever and says nothing."""
    overrides = [*trained.arguments, "ray.num_cpus=2", "train.num_workers=2", "train.tokens_per_batch=768"]
    done = subprocess.run(
        [sys.executable, "-m", "ray_jobs", "train", *(f"--set={override}" for override in overrides)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout.splitlines()[-1])["metrics"]
    for loss in ("train_loss", "validation_loss"):
        assert metrics[loss] == pytest.approx(trained.job.result["metrics"][loss], rel=0.05)


def test_placement_groups_of_killed_actors_are_removed_and_no_others(ray_session: None) -> None:
    import ray
    from ray.util.placement_group import placement_group, placement_group_table

    from adcraft.training.orphans import remove_orphans

    class Creator:
        def create(self) -> str:
            return str(placement_group([{"CPU": 0.01}]).id.hex())

    def states(*ids: str) -> list[str]:
        return [placement_group_table()[identifier]["state"] for identifier in ids]

    creators: Any = [ray.remote(num_cpus=0)(Creator).remote() for _ in range(2)]
    lost, kept = ray.get([creator.create.remote() for creator in creators])
    own = placement_group([{"CPU": 0.01}])
    try:
        ray.kill(creators[0])
        deadline = time.monotonic() + 60
        while not remove_orphans():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert states(lost) == ["REMOVED"]
        assert "REMOVED" not in states(kept, own.id.hex())
    finally:
        ray.util.remove_placement_group(own)
        ray.kill(creators[1])
