"""Where a run begins that goes on from another run's checkpoint, instead of from its base model.

The checkpoint is kept in the folder of the run that begins from it: the other run may go on, and Ray
Train deletes what is neither among its best nor its latest.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from adcraft.errors import TrainingError
from adcraft.training.run_state import kept_in, read_state

START = "start"
"""The folder, below a run's, of the checkpoint that it begins from."""


@dataclass(frozen=True)
class Origin:
    """A checkpoint of another run.

    Attributes:
        key: of that run.
        epoch: after which it was written.
    """

    key: str
    epoch: int


def hand_over(storage: Path, origin: Origin, key: str) -> None:
    """Keep the checkpoint ``origin`` as what the run ``key`` begins from. Done twice, it is done once.

    Args:
        storage: folder of all runs.
        origin: of a run that does not train meanwhile.
        key: of the run that is going to begin.

    Raises:
        TrainingError: there is no such checkpoint.
    """
    start = storage / key / START
    if start.exists():
        return
    found = [folder for folder in kept_in(storage / origin.key) if read_state(folder).epoch == origin.epoch]
    if not found:
        raise TrainingError(
            f"The checkpoint of epoch {origin.epoch} is gone from {storage / origin.key}, and another run is "
            "to begin from it. Give the sweep another name, to begin anew."
        )
    aside = start.with_name(f".{START}-partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(found[0], aside, copy_function=_link)
    aside.rename(start)


def _link(source: str, target: str) -> None:
    """One more name of the same file, which takes no room; a copy where the file system has no such."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
