"""A registered model scored on its untouched test split, end to end."""

from __future__ import annotations

import shutil
import warnings
from html import escape
from pathlib import Path

import pytest

from adcraft.registry import ModelVersion, Registry
from adcraft.settings import load_settings
from adcraft.training.run import TrainingRun
from adcraft.training.run_key import run_key
from adcraft.training.run_state import kept_in
from tests.jobs import Job, TrainedHome, killing_a_worker, run_job
from tests.prepared import write_prepared, write_records

pytestmark = pytest.mark.integration

BASELINES = ("echo", "template", "nearest")
ALONE = (
    "evaluate.model=1",
    "evaluate.against=none",
    "evaluate.ad_products=6",
    'evaluate.ad_placements=["creative"]',  # a body, which the model has learnt
)
METRICS = {
    "loss", "rouge_l", "chrf", "distinct_1", "distinct_2", "slot_accuracy", "unsupported_numbers", "length",
    "seconds_per_copy",
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(trained: TrainedHome) -> Job:
    return run_job(trained.arguments, *ALONE, stage="evaluate")


@pytest.fixture(scope="module")
def challenger(trained: TrainedHome) -> ModelVersion:
    """Version 2: what the champion was after its first epoch."""
    champion, less = (
        load_settings(overrides=[*trained.arguments, *more]) for more in ([], ["train.max_epochs=1"])
    )
    first = kept_in(trained.home / "train" / run_key(champion, trained.dataset))[0]
    run = TrainingRun(less, trained.dataset, run_key(less, trained.dataset))
    with warnings.catch_warnings(action="ignore"), run.logged() as run_log:  # of MLflow about itself
        run.conclude(run_log, first, first)
        version = Registry(trained.uri, "ad_copy").register(
            run_id=run_log.run_id,
            run_name=run_log.run_name,
            run_key=run.key,
            dataset_version=trained.dataset.version,
        )
        run_log.end("FINISHED")
    assert version.aliases == ("challenger",)
    return version


@pytest.fixture(scope="module")
def compared(trained: TrainedHome, challenger: ModelVersion) -> Job:
    return run_job(trained.arguments, "evaluate.ad_products=0", stage="evaluate")


def test_line_of_json_has_every_sides_scores(trained: TrainedHome, evaluated: Job) -> None:
    result = evaluated.result
    assert evaluated.code == 0, evaluated.err
    assert (result["model"], result["model_version"], result["rows"]) == ("ad_copy", "1", 20)
    assert result["dataset_version"] == trained.dataset.version
    assert (result["against_version"], result["gains"], result["left_out"]) == (None, {}, 0)
    assert tuple(result["scores"]) == ("model", *BASELINES)
    assert set(result["scores"]["model"]) == METRICS
    for side, scores in result["scores"].items():
        assert 0 <= scores["rouge_l"] <= 1
        assert 0 <= scores["chrf"] <= 100
        for name, (low, high) in result["intervals"][side].items():
            assert low <= scores[name] + 1e-5
            assert scores[name] <= high + 1e-5
    assert result["scores"]["nearest"]["chrf"] > 10
    assert 0 < result["seconds_per_copy"] < 5


def test_loss_is_near_that_of_training(trained: TrainedHome, evaluated: Job) -> None:
    """Another split, and int8; but the same text, model and measure."""
    validation = trained.job.result["metrics"]["validation_loss"]
    assert evaluated.result["scores"]["model"]["loss"] == pytest.approx(validation, rel=0.1)


def test_table_is_printed_before_it(evaluated: Job) -> None:
    lines = evaluated.out.splitlines()
    title, header, *rows, brand, name = lines[: lines.index("")]
    found = evaluated.result["naming"]
    assert brand == "brand: in {named} of 20 copies, spelled exactly in {exact}".format(**found["brand"])
    assert name.startswith("product name: in ")
    assert title == "ad_copy version 1 on 20 rows of 20 untouched test products"
    assert header.split() == ["loss", "ROUGE-L", "chrF", "slots"]
    sides = ["version 1", "echo of the name", "filled template", "nearest training text"]
    assert [row[:24].strip() for row in rows] == sides


def test_scores_and_page_land_in_the_models_run(trained: TrainedHome, evaluated: Job, tmp_path: Path) -> None:
    run = trained.client().get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    for name, score in evaluated.result["scores"]["model"].items():
        assert run.data.metrics[f"test/{name}"] == pytest.approx(score, abs=1e-5)
    page = trained.client().download_artifacts(trained.run_id, evaluated.result["page"], str(tmp_path))
    shown = Path(page).read_text()
    for row in trained.dataset.rows("test"):
        assert escape(row["product_name"] or "") in shown


def test_ads_are_reported_on(trained: TrainedHome, evaluated: Job, tmp_path: Path) -> None:
    figures = evaluated.result["sections"]
    assert figures["ads_texts/creative/creative/products"] == 6
    assert figures["ads_texts/creative/creative/texts"] > 6
    assert figures["ads_candidates/creative/creative/candidates"] > 6
    assert 0 <= figures["ads_candidates/creative/creative/passed"] <= 1
    assert figures["ads_candidates/creative/creative/within_limits"] == 1  # it has none that is hard
    assert figures["ads_variants/creative/creative/identical"] == 0
    for title in ("Texts given out", "What the model wrote", "Variants of one product", "Controls"):
        assert title in evaluated.out.splitlines()
    logged = trained.client().get_run(trained.run_id).data.metrics
    assert {f"test/{name}" for name in figures} <= logged.keys()
    page = trained.client().download_artifacts(trained.run_id, evaluated.result["page"], str(tmp_path))
    assert "<h3>What the model wrote</h3>" in Path(page).read_text()


def test_unknown_placement_of_ads(trained: TrainedHome) -> None:
    job = run_job(trained.arguments, 'evaluate.ad_placements=["google"]', stage="evaluate")
    assert job.code == 2
    assert job.result["error"].startswith("The placement 'google' is not known. Known: creative, email")


def test_the_same_evaluation_is_not_done_twice(trained: TrainedHome, evaluated: Job) -> None:
    arguments = [*trained.arguments, *ALONE]
    again = run_job(arguments, stage="evaluate")
    assert "this evaluation was done before" in again.err
    assert again.result == {**evaluated.result, "reused": True}
    assert again.out.splitlines()[:-1] == evaluated.out.splitlines()[:-1]


def test_challenger_beside_champion(trained: TrainedHome, compared: Job, challenger: ModelVersion) -> None:
    result = compared.result
    assert compared.code == 0, compared.err
    assert (result["model_version"], result["against_version"], result["left_out"]) == ("2", "1", 0)
    assert tuple(result["scores"]) == ("model", "against", *BASELINES)
    assert set(result["gains"]) == METRICS  # one tokenizer, so the loss is compared as well
    assert result["gains"]["loss"]["high"] < 0  # fewer epochs
    for name, gain in result["gains"].items():
        assert gain["low"] <= gain["value"] <= gain["high"], name
    lines = compared.out.splitlines()
    assert lines[0] == "ad_copy version 2 against version 1 on 20 rows of 20 untouched test products"
    assert any("gain over version 1" in line and "95% interval" in line for line in lines)
    files = [f.path for f in trained.client().list_artifacts(challenger.run_id, "evaluation")]
    assert files == ["evaluation/against-1.html", "evaluation/against-1.json"]


def test_a_writer_that_is_killed_is_replaced(trained: TrainedHome, evaluated: Job) -> None:
    arguments = [*trained.arguments, *ALONE, "evaluate.ad_products=0", "evaluate.fresh=true"]
    with killing_a_worker("generating for", "ray::_Writer.write") as killed:
        job = run_job(arguments, "evaluate.batch_size=1", stage="evaluate")
    assert len(killed) == 1
    assert job.code == 0, job.err
    assert job.result["reused"] is False
    assert job.result["scores"]["model"]["chrf"] == pytest.approx(evaluated.result["scores"]["model"]["chrf"])


def test_promotion_rests_on_it(trained: TrainedHome, compared: Job) -> None:
    job = run_job(trained.arguments, "promote.primary=loss", "promote.min_products=20", stage="promote")
    assert job.code == 0, job.err
    assert job.result["promoted"] is False
    assert "is worse" in job.result["reasons"][0]
    assert job.result["figures"]["loss"] == compared.result["gains"]["loss"]
    few = run_job(trained.arguments, "promote.primary=loss", stage="promote")
    assert few.result["reasons"][0].startswith("Only 20 products were compared; at least 30 are needed")


def test_test_products_that_the_champion_learnt_from_are_left_out(
    trained: TrainedHome, compared: Job, tmp_path: Path
) -> None:
    """The feed was dealt out anew: two of the new test products were in the models' training split."""
    old = {split: list(trained.dataset.rows(split)) for split in ("train", "validation", "test")}
    shutil.copytree(trained.dataset.path, tmp_path / "products" / trained.dataset.version)
    two, three = (
        write_records(tmp_path, {**old, "train": old["train"][3:], "test": test})
        for test in (old["test"] + old["train"][:2], old["train"][:3])
    )
    arguments = [*trained.arguments, f"data.root={tmp_path}", "evaluate.fresh=true"]
    job = run_job(arguments, f"data.version={two.version}", stage="evaluate")
    assert job.code == 0, job.err
    assert (job.result["rows"], job.result["left_out"]) == (20, 2)
    assert "2 test rows are left out" in job.err
    assert "(2 left out)" in job.out
    refused = run_job(arguments, f"data.version={three.version}", stage="evaluate")
    assert refused.code == 4
    assert "A model has learnt from every product of the test split" in refused.result["error"]


def test_champion_whose_dataset_is_gone_can_not_be_compared(
    trained: TrainedHome, compared: Job, tmp_path: Path
) -> None:
    other = write_prepared(tmp_path, rows=60, seed=6)
    job = run_job(
        trained.arguments, f"data.root={tmp_path}", f"data.version={other.version}", stage="evaluate"
    )
    assert job.code == 4
    assert "was trained on a dataset that is gone" in job.result["error"]
    assert f"has no version '{trained.dataset.version}'" in job.result["error"]


def test_model_against_itself(trained: TrainedHome) -> None:
    job = run_job(trained.arguments, "evaluate.model=1", "evaluate.against=champion", stage="evaluate")
    assert job.code == 7
    assert "are both ad_copy version 1" in job.result["error"]


def test_fewer_rows_on_another_dataset_with_a_warning(trained: TrainedHome, tmp_path: Path) -> None:
    other = write_prepared(tmp_path, rows=60, seed=6)
    job = run_job(
        trained.arguments,
        f"data.root={tmp_path}",
        f"data.version={other.version}",
        "evaluate.model=1",
        "evaluate.against=none",
        "evaluate.rows=4",
        "evaluate.batch_size=3",
        stage="evaluate",
    )
    assert job.code == 0, job.err
    assert (job.result["rows"], job.result["dataset_version"]) == (4, other.version)
    assert f"was trained on dataset {trained.dataset.version}" in job.err
    assert "may have been among its training products" in job.err


def test_dataset_that_the_model_was_trained_on_is_missing(trained: TrainedHome, tmp_path: Path) -> None:
    write_prepared(tmp_path, rows=30, seed=6)
    job = run_job(trained.arguments, f"data.root={tmp_path}", stage="evaluate")
    assert job.code == 4
    assert f"has no version '{trained.dataset.version}'" in job.result["error"]
    assert "Traceback" not in job.err


def test_empty_test_split(trained: TrainedHome, tmp_path: Path) -> None:
    other = write_prepared(tmp_path, rows=30, splits=("train", "validation"))
    job = run_job(
        trained.arguments, f"data.root={tmp_path}", f"data.version={other.version}", stage="evaluate"
    )
    assert job.code == 4
    assert "The test split of products/" in job.result["error"]


def test_compute_type_that_the_workers_do_not_have(trained: TrainedHome) -> None:
    job = run_job(trained.arguments, "evaluate.compute_type=int3", stage="evaluate")
    assert job.code == 2
    assert job.result["error"].startswith("compute_type 'int3' is not supported by this")
    assert "Traceback" not in job.err


def test_tampered_bundle_is_refused_until_it_is_fetched_again(trained: TrainedHome) -> None:
    (fetched,) = (trained.home / "models").glob("1-*")
    with (fetched / "model" / "tokenizer.json").open("a") as file:
        file.write(" ")
    job = run_job(trained.arguments, "evaluate.model=1", stage="evaluate")
    assert job.code == 8
    assert "model/tokenizer.json in the bundle at" in job.result["error"]
    assert "was changed" in job.result["error"]
    assert "Traceback" not in job.err
    shutil.rmtree(fetched)
