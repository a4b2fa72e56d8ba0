"""Where a run is, as its checkpoints tell it; read without their tensors, and without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

STATE = "state.json"
"""The file of a checkpoint that holds its :class:`RunState`."""
LOCK = ".lock"
"""The file in a run's folder that is locked while a process trains it."""
TRAIN_LIST = "checkpoint_manager_snapshot.json"
"""Ray Train's list of a run's checkpoints, in the run's folder."""


@dataclass
class RunState:
    """Where a run is, after a whole number of epochs.

    Attributes:
        epoch: epochs done.
        step: optimizer steps done.
        rows: rows seen by all workers.
        tokens: tokens trained on by all workers, padding not counted.
        elapsed_s: training time over all attempts.
        best_loss: the lowest validation loss so far.
        bad_epochs: epochs since then.
        stopped: why there will be no further epoch; "" while there will.
        history: metrics of each epoch.
    """

    epoch: int = 0
    step: int = 0
    rows: int = 0
    tokens: int = 0
    elapsed_s: float = 0.0
    best_loss: float = float("inf")
    bad_epochs: int = 0
    stopped: str = ""
    history: list[dict[str, float]] = field(default_factory=list)


def read_state(folder: Path) -> RunState:
    """Read where a checkpoint's run was, without its tensors."""
    return RunState(**json.loads((folder / STATE).read_text(encoding="utf-8"))["state"])


def kept_in(folder: Path) -> list[Path]:
    """The checkpoints that Ray Train lists in a run's folder, in the order of their epochs."""
    try:
        listed = json.loads((folder / TRAIN_LIST).read_bytes())
    except (FileNotFoundError, ValueError):
        return []
    results = [*listed["checkpoint_results"], listed["latest_checkpoint_result"]]
    names = {result["checkpoint_dir_name"] for result in results if result}
    found = [folder / name for name in names if (folder / name / STATE).exists()]
    return sorted(found, key=lambda checkpoint: read_state(checkpoint).epoch)
