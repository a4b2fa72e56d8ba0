"""What makes a training run the same run."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from typing import Any

from adcraft import __version__
from adcraft.data.dataset import PreparedDataset
from adcraft.settings import MEANS, Settings
from adcraft.training.local_base import base_digest
from adcraft.training.origin import Origin


def run_key(
    settings: Settings,
    dataset: PreparedDataset,
    origin: Origin | None = None,
    part_of: str = "",
    teacher: str = "",
) -> str:
    """A run is known by it: dataset, model (a local base by its files too), training settings, the
    checkpoint that it begins from, and Adcraft's version. Where other files lie, how many CPUs there are and
    how workers hold the model do not count, so a run that ran out of memory goes on by other means;
    ``train.fresh`` makes every run another.

    Args:
        settings: of the run.
        dataset: that it is trained on.
        origin: the checkpoint that it begins from; None: the base model.
        part_of: what else must be the same, where runs are compared in the middle: its name; "": nothing.
        teacher: the run of the model whose texts are learnt; "": the dataset's are.
    """
    train = settings.train.model_dump(exclude={*MEANS, "fresh"})
    if not settings.train.lora.rank:
        del train["lora"]
    content: dict[str, Any] = {
        "dataset": dataset.version,
        "workload": settings.workload,
        "model": settings.model.model_dump(),
        "train": train,
        "registered_model": settings.tracking.model,
        "adcraft": __version__,
        "fresh": time.time_ns() if settings.train.fresh else 0,
    }
    if digest := base_digest(settings.model.base):
        content["base"] = digest
    if origin:
        content["origin"] = asdict(origin)
    if part_of:
        content["part_of"] = part_of
    if teacher:
        content["teacher"] = teacher
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
