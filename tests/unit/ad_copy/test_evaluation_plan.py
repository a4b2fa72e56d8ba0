"""When the losses of two models can be compared, and when an evaluation is the same one again."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.ad_copy.evaluation_plan import EvaluationPlan, Model
from adcraft.inference.bundle import Bundle, BundleManifest, DatasetReference, PromptSettings, RunReference
from adcraft.registry import ModelVersion
from adcraft.settings import EvaluateSettings
from tests.prepared import write_prepared


def model(version: str = "1", *, tokenizer: str = "t", fields: tuple[str, ...] = ("brand",)) -> Model:
    manifest = BundleManifest(
        format=1,
        workload="ad_copy",
        base="scratch",
        dataset=DatasetReference(name="products", version="d"),
        run=RunReference(id=version, name=version),
        prompt=PromptSettings(fields=fields, source_tokens=8, target_tokens=8),
        metrics={},
        files={"model/tokenizer.json": tokenizer, "engine/model.bin": version},
    )
    described = ModelVersion("ad_copy", version, (), f"run{version}", "", "", "d")
    return Model(described, Bundle(Path("/nowhere"), manifest))


def test_a_token_is_the_same_text_only_with_one_tokenizer_and_prompt() -> None:
    assert model("1").reads_like(model("2"))
    assert not model("1").reads_like(model("2", tokenizer="other"))
    assert not model("1").reads_like(model("2", fields=("brand", "price")))


@pytest.mark.parametrize("changed", ["model", "against", "rows", "seed", "dataset", "ads", "placements"])
def test_anything_that_decides_the_figures_makes_another_evaluation(tmp_path: Path, changed: str) -> None:
    dataset = write_prepared(tmp_path, rows=20)

    def plan(other: str = "") -> EvaluationPlan:
        return EvaluationPlan(
            model=model("3" if other == "model" else "2"),
            against=None if other == "against" else model("1"),
            dataset=write_prepared(tmp_path, rows=20, seed=6) if other == "dataset" else dataset,
            records=[],
            left_out=0,
            settings=EvaluateSettings(
                rows=4 if other == "rows" else 0,
                seed=4 if other == "seed" else 17,
                ad_products=4 if other == "ads" else 50,
                ad_placements=["meta"] if other == "placements" else ["google_rsa"],
            ),
        )

    assert plan().key == plan().key
    assert plan(changed).key != plan().key


def test_how_it_was_asked_for_does_not_count(tmp_path: Path) -> None:
    dataset = write_prepared(tmp_path, rows=20)
    keys = {
        EvaluationPlan(model("2"), model("1"), dataset, [], 0, settings).key
        for settings in (EvaluateSettings(), EvaluateSettings(model="2", against="champion", fresh=True))
    }
    assert len(keys) == 1


def test_artifacts_are_named_after_the_other_side(tmp_path: Path) -> None:
    dataset = write_prepared(tmp_path, rows=20)
    beside, alone = (
        EvaluationPlan(model("2"), other, dataset, [], 0, EvaluateSettings()) for other in (model("1"), None)
    )
    assert (beside.record_file, beside.page_file) == (
        "evaluation/against-1.json",
        "evaluation/against-1.html",
    )
    assert alone.record_file == "evaluation/alone.json"
