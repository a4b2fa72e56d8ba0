"""Score a registered model on its dataset's untouched test split, beside two baselines.

``evaluate.model`` is an alias or a version. The scores go to the model's MLflow run, and are printed as a
table.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adcraft.settings import Settings
from cluster.session import ray_session

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Evaluation takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Evaluate, print the table, log the scores."""
    from adcraft.data.dataset import PreparedDataset
    from adcraft.inference.bundle import open_bundle
    from adcraft.registry import Registry

    registry = Registry(settings.tracking.uri, settings.tracking.model)
    version = registry.resolve(settings.evaluate.model)
    bundle = open_bundle(registry.download(version, Path(settings.home) / "models"))
    trained_on = bundle.manifest.dataset
    dataset = PreparedDataset.open(
        settings.data.root, trained_on.name, settings.data.version or trained_on.version
    )
    if dataset.version != trained_on.version:
        log.warning(
            "%s version %s was trained on dataset %s; products of the test split of %s may have been among "
            "its training products",
            version.name,
            version.version,
            trained_on.version,
            dataset.version,
        )
    with ray_session(settings):
        from adcraft.ad_copy.evaluation import evaluate, table

        evaluation = evaluate(bundle, dataset, settings.evaluate)
    print(f"{version.name} version {version.version} on {evaluation.rows} untouched test products")
    print(table(evaluation))
    registry.log_evaluation(version, evaluation.scores["model"], evaluation.samples)
    return {
        "model": version.name,
        "model_version": version.version,
        "dataset_version": dataset.version,
        "rows": evaluation.rows,
        "scores": evaluation.scores,
        "naming": {field: asdict(found) for field, found in evaluation.naming.items()},
        "seconds_per_copy": round(evaluation.seconds_per_copy, 5),
    }
