"""Ray Train's list of checkpoints, made anew from what lies beside it."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from ray.train import CheckpointConfig
from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import CheckpointManager
from ray.train.v2._internal.execution.storage import StorageContext

from adcraft.training.checkpoint import save
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.origin import START
from adcraft.training.run_state import TRAIN_LIST, RunState, kept_in, read_state
from adcraft.training.train_list import SCORE, mend
from tests.unit.training.conftest import tiny_t5

LOSSES = (2.0, 1.0, 1.0, math.nan, 1.5)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of five epochs whose list was cut short; names sort otherwise than epochs."""
    folder = tmp_path / "run"
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.0).adamw
    for epoch, loss in enumerate(LOSSES, 1):
        checkpoint = folder / f"checkpoint_{9 - epoch}"
        checkpoint.mkdir(parents=True)
        save(checkpoint, model, optimizer, RunState(epoch=epoch, history=[{SCORE: loss}]))
    shutil.copytree(checkpoint, folder / START)  # another run's, from which this one began
    (folder / TRAIN_LIST).write_text('{"ray_version": "2.6')
    return folder


def as_ray_reads_it(folder: Path) -> CheckpointManager:
    config = CheckpointConfig(num_to_keep=2, checkpoint_score_attribute=SCORE, checkpoint_score_order="min")
    return CheckpointManager(config, StorageContext(folder.parent, folder.name))


def epoch_of(result: Any) -> int:
    return read_state(Path(result.checkpoint.path)).epoch


def test_ray_reads_the_mended_list(run: Path) -> None:
    mend(run)
    assert {path.name for path in run.iterdir() if path.is_file()} == {TRAIN_LIST}
    manager = as_ray_reads_it(run)
    results = manager._checkpoint_results
    assert [epoch_of(result) for result in results] == [4, 1, 5, 2, 3]
    assert results[0].metrics == {SCORE: sys.float_info.max}
    assert manager.best_checkpoint_result is results[-1]
    latest = manager.latest_checkpoint_result
    assert latest
    assert epoch_of(latest) == 5
    assert [read_state(kept).epoch for kept in kept_in(run)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_checkpoint_that_was_cut_short_too_does_not_count(run: Path, name: str) -> None:
    file = run / "checkpoint_4" / name
    file.write_bytes(file.read_bytes()[:-10])
    (run / "checkpoint_7" / name).unlink()
    (run / "checkpoint_of_nothing").mkdir()
    mend(run)
    assert [read_state(kept).epoch for kept in kept_in(run)] == [1, 3, 4]


def test_without_a_checkpoint_it_begins_anew(run: Path) -> None:
    for checkpoint in run.glob("checkpoint_?"):
        shutil.rmtree(checkpoint)
    mend(run)
    assert [path.name for path in run.iterdir()] == [START]


def test_a_whole_list_stays(run: Path) -> None:
    listed = json.dumps({"checkpoint_results": []})
    (run / TRAIN_LIST).write_text(listed)
    mend(run)
    mend(run / "another")
    assert (run / TRAIN_LIST).read_text() == listed
