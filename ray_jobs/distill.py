"""Make a smaller model that learns from a registered one, and register it as challenger.

The student has distill.decoder_layers of its teacher's decoder layers and learns, by the training job, on the
dataset of its teacher: to write what that one writes, or (distill.targets=data) the dataset's texts. Evaluate
and promote then compare it with the champion. Settings of train hold here too. A job that was killed goes on
when it is started again with the same settings; one that had finished says so.
"""

from __future__ import annotations

import argparse
from typing import Any

from adcraft.settings import Settings
from adcraft.tracking.connection import check_answers
from cluster.session import ray_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Distilling takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Distill, and say which version came out."""
    check_answers(settings.tracking.uri)  # before a Ray is started for nothing
    with ray_session(settings):
        from adcraft.training.distillation import distill

        distilled = distill(settings)
    trained, version = distilled.trained, distilled.trained.version
    return {
        "model": version.name,
        "model_version": version.version,
        "aliases": list(version.aliases),
        "teacher_version": distilled.teacher.version,
        "teacher_layers": distilled.teacher_layers,
        "layers": list(distilled.layers),
        "targets": settings.distill.targets,
        "run_id": version.run_id,
        "run_name": version.run_name,
        "dataset_version": version.dataset_version,
        "reused": trained.reused,
        "metrics": trained.metrics,
    }
