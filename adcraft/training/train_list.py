"""Ray Train's list of a run's checkpoints, mended where it was cut short.

It is written in place. One that a full disk or a kill cut short would stop every further attempt, though the
checkpoints that it listed are there.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from pathlib import Path
from typing import Any

from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import (
    _CheckpointManagerState,
    _TrainingResultState,
)

from adcraft.errors import TrainingError
from adcraft.training.checkpoint import whole_state
from adcraft.training.run_state import TRAIN_LIST, RunState

log = logging.getLogger(__name__)

SCORE = "validation_loss"
"""What Ray Train ranks checkpoints by."""
_NAMES = "checkpoint_*"


def score(validation_loss: float) -> dict[str, float]:
    """What Ray Train is told of a checkpoint: a loss that is no number is the worst."""
    return {SCORE: validation_loss if math.isfinite(validation_loss) else sys.float_info.max}


def mend(folder: Path) -> None:
    """Make a run's list anew from the whole checkpoints in its folder, if it can't be read."""
    file = folder / TRAIN_LIST
    if not file.exists():
        return
    try:
        json.loads(file.read_bytes())
    except ValueError:
        found = _whole_checkpoints(folder)
        log.warning(
            "the list of checkpoints in %s was cut short; training goes on from epoch %d, the last of %d "
            "checkpoints there",
            folder,
            found[-1][1].epoch if found else 0,
            len(found),
        )
        if not found:
            file.unlink()
            return
        aside = file.with_name(f".{file.name}-partial")
        aside.write_text(_listed(found), encoding="utf-8")
        aside.rename(file)


def _whole_checkpoints(folder: Path) -> list[tuple[str, RunState]]:
    """Names and states, in the order of their epochs; a kill may have cut one short too."""
    found = []
    for checkpoint in folder.glob(_NAMES):
        try:
            found.append((checkpoint.name, whole_state(checkpoint)))
        except TrainingError as error:
            log.warning("%s", error)
    return sorted(found, key=lambda item: item[1].epoch)


def _listed(checkpoints: list[tuple[str, RunState]]) -> str:
    """As Ray Train would have listed them: the best one last, each with its place in the order of reports."""
    results = [
        (index, _TrainingResultState(checkpoint_dir_name=name, metrics=score(state.history[-1][SCORE])))
        for index, (name, state) in enumerate(checkpoints)
    ]
    ranked = sorted(results, key=lambda item: (-item[1].metrics[SCORE], item[0]))
    empty: dict[str, Any] = {
        "pending_training_results": [],
        "pending_validation_specs": [],
        "validated_checkpoint_dir_names": [],
        "timed_out_validation_checkpoint_dir_names": [],
        "failed_validation_checkpoint_dir_names": [],
    }
    state = _CheckpointManagerState(
        checkpoint_results=[result for _, result in ranked],
        checkpoint_report_indices=[index for index, _ in ranked],
        latest_checkpoint_result=results[-1][1],
        current_report_index=len(results),
        **empty,
    )
    return str(state.model_dump_json())
