"""A checkpoint that another run begins from stays, whatever becomes of the run that wrote it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from adcraft.errors import TrainingError
from adcraft.training.checkpoint import save
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.origin import START, Origin, hand_over
from adcraft.training.run_state import TRAIN_LIST, RunState, read_state
from tests.unit.training.conftest import tiny_t5


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """With a run 'one' that is at epoch 2."""
    checkpoint = tmp_path / "one" / "checkpoint_2"
    checkpoint.mkdir(parents=True)
    model = tiny_t5(64)
    save(checkpoint, model, ScaledAdamW(model, weight_decay=0.0).adamw, RunState(epoch=2, step=9))
    listed = {"checkpoint_results": [], "latest_checkpoint_result": {"checkpoint_dir_name": checkpoint.name}}
    (tmp_path / "one" / TRAIN_LIST).write_text(json.dumps(listed))
    return tmp_path


def test_it_stays_and_takes_no_room(storage: Path) -> None:
    weights = storage / "one" / "checkpoint_2" / "model.safetensors"
    hand_over(storage, Origin("one", 2), "two")
    start = storage / "two" / START
    assert start.joinpath(weights.name).samefile(weights)
    shutil.rmtree(storage / "one")
    assert read_state(start).step == 9
    hand_over(storage, Origin("one", 2), "two")  # a sweep that goes on does it again


def test_one_that_was_cut_short_is_made_anew(storage: Path) -> None:
    partial = storage / "two" / f".{START}-partial"
    partial.mkdir(parents=True)
    (partial / "model.safetensors").write_bytes(b"half")
    hand_over(storage, Origin("one", 2), "two")
    assert {file.name for file in (storage / "two").iterdir()} == {START}
    assert (storage / "two" / START / "model.safetensors").stat().st_size > 4


def test_it_is_copied_where_there_are_no_links(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    hand_over(storage, Origin("one", 2), "two")
    assert read_state(storage / "two" / START).epoch == 2


def test_one_that_is_gone_is_missed(storage: Path) -> None:
    with pytest.raises(TrainingError, match="checkpoint of epoch 3 is gone"):
        hand_over(storage, Origin("one", 3), "two")
    assert not (storage / "two").exists()
