"""Fine-tune T5 on a prepared dataset with Ray Train; register the result in MLflow.

The first version of a model becomes champion, later ones challenger. A job that was killed goes on from
its last checkpoint when it is started again with the same settings; one that had finished says so.
"""

from __future__ import annotations

import argparse
from typing import Any

from adcraft.settings import Settings
from adcraft.tracking.connection import check_answers
from cluster.session import ray_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Training takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, and say which version came out."""
    check_answers(settings.tracking.uri)  # before a Ray is started for nothing
    with ray_session(settings):
        from adcraft.training.driver import train

        trained = train(settings)
    version = trained.version
    return {
        "model": version.name,
        "model_version": version.version,
        "aliases": list(version.aliases),
        "run_id": version.run_id,
        "run_name": version.run_name,
        "dataset_version": version.dataset_version,
        "reused": trained.reused,
        "metrics": trained.metrics,
    }
