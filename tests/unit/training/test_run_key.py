"""What makes a run the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.settings import load_settings
from adcraft.training.run_key import run_key
from tests.prepared import write_prepared

BASE = "model.base=google-t5/t5-small"


def keys(folder: Path, *sides: tuple[str, ...]) -> set[str]:
    dataset = write_prepared(folder, rows=20)
    return {run_key(load_settings(overrides=side), dataset) for side in sides}


@pytest.mark.parametrize(
    "override",
    [
        "train.strategy=fsdp",
        "train.min_workers=1",
        "train.gradient_checkpointing=true",
        "train.threads_per_worker=2",
        "train.max_failures=0",
        "train.storage=/elsewhere",
        "train.lora.alpha=3",  # of no adapters
    ],
)
def test_means_make_no_other_run(tmp_path: Path, override: str) -> None:
    assert len(keys(tmp_path, (BASE,), (BASE, override))) == 1


@pytest.mark.parametrize(
    "override",
    [
        "train.num_workers=2",
        "train.tokens_per_batch=512",
        "train.accumulate=2",
        "train.precision=bfloat16",
        "train.lora.rank=8",
        "train.compile=true",  # whose dropout is drawn otherwise
        "train.fresh=true",
    ],
)
def test_what_changes_the_model_makes_another_run(tmp_path: Path, override: str) -> None:
    assert len(keys(tmp_path, (BASE,), (BASE, override))) == 2


def test_adapters_are_told_apart(tmp_path: Path) -> None:
    sides = [(BASE, "train.lora.rank=8", f"train.lora.{rest}") for rest in ("alpha=8", "targets=attention")]
    assert len(keys(tmp_path, (BASE, "train.lora.rank=8"), *sides)) == 3


def test_a_local_base_whose_files_changed_makes_another_run(tmp_path: Path) -> None:
    weights = tmp_path / "base" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    side = (f"model.base={weights.parent}",)
    before = keys(tmp_path / "one", side)
    assert keys(tmp_path / "two", side) == before
    weights.write_bytes(b"other")
    assert keys(tmp_path / "three", side) != before


def test_a_teacher_makes_another_run(tmp_path: Path) -> None:
    dataset, settings = write_prepared(tmp_path, rows=20), load_settings(overrides=[BASE])
    assert len({run_key(settings, dataset, teacher=teacher) for teacher in ("", "a", "b")}) == 3
