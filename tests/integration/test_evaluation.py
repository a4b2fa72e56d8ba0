"""A registered model scored on its untouched test split, end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.jobs import Job, TrainedHome, run_job
from tests.prepared import write_prepared

pytestmark = pytest.mark.integration

SIDES = ("model", "echo", "nearest")


@pytest.fixture(scope="module")
def evaluated(trained: TrainedHome) -> Job:
    return run_job(trained.arguments, "evaluate.model=1", stage="evaluate")


def test_line_of_json_has_every_sides_scores(trained: TrainedHome, evaluated: Job) -> None:
    result = evaluated.result
    assert evaluated.code == 0, evaluated.err
    assert (result["model"], result["model_version"], result["rows"]) == ("ad_copy", "1", 20)
    assert result["dataset_version"] == trained.dataset.version
    assert tuple(result["scores"]) == SIDES
    for score in result["scores"].values():
        assert 0 <= score["rouge_l"] <= 1
        assert 0 <= score["chrf"] <= 100
    assert result["scores"]["nearest"]["chrf"] > 10
    assert 0 < result["seconds_per_copy"] < 5


def test_table_is_printed_before_it(evaluated: Job) -> None:
    title, header, *rows, brand, name, _ = evaluated.out.splitlines()
    assert title == "ad_copy version 1 on 20 untouched test products"
    assert header.split() == ["ROUGE-L", "chrF"]
    assert [row[:24].strip() for row in rows] == ["model", "echo of the name", "nearest training text"]
    assert all(0 <= float(row.split()[-1]) <= 100 for row in rows)
    found = evaluated.result["naming"]
    assert brand == "brand: in {named} of 20 copies, spelled exactly in {exact}".format(**found["brand"])
    assert name.startswith("product name: in ")


def test_scores_and_samples_land_in_the_models_run(
    trained: TrainedHome, evaluated: Job, tmp_path: Path
) -> None:
    run = trained.client().get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test/chrf"] == evaluated.result["scores"]["model"]["chrf"]
    assert run.data.metrics["test/rouge_l"] == evaluated.result["scores"]["model"]["rouge_l"]
    table = json.loads(
        Path(
            trained.client().download_artifacts(trained.run_id, "evaluation.json", str(tmp_path))
        ).read_text()
    )
    assert table["columns"] == ["product", "reference", *SIDES]
    assert [row[0] for row in table["data"]] == [row["product_name"] for row in trained.dataset.rows("test")]


def test_fewer_rows_on_another_dataset_with_a_warning(trained: TrainedHome, tmp_path: Path) -> None:
    other = write_prepared(tmp_path, rows=60, seed=6)
    job = run_job(
        trained.arguments,
        f"data.root={tmp_path}",
        f"data.version={other.version}",
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
    job = run_job(trained.arguments, stage="evaluate")
    assert job.code == 8
    assert "model/tokenizer.json in the bundle at" in job.result["error"]
    assert "was changed" in job.result["error"]
    assert "Traceback" not in job.err
    shutil.rmtree(fetched)
