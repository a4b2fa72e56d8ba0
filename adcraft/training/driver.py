"""The training driver: from a prepared dataset to a registered model version.

Every step that costs time leaves something that a rerun finds: encoded data, checkpoints, the MLflow
run, the registered version. So a job that was killed goes on where it was when it is started again,
and a job that had finished says so at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

from adcraft.data.dataset import PreparedDataset
from adcraft.inference.bundle import Bundle
from adcraft.registry import ModelVersion, Registry
from adcraft.settings import Settings
from adcraft.training.inputs import check_splits
from adcraft.training.leftovers import end_killed_runs
from adcraft.training.nodes import alive_nodes
from adcraft.training.resources import WorkerResources, worker_resources
from adcraft.training.run import TrainingRun
from adcraft.training.run_key import run_key

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedModel:
    """What a run ended in.

    Attributes:
        version: the registered version.
        metrics: of the best epoch.
        reused: whether this very run had been registered before, so nothing was trained.
    """

    version: ModelVersion
    metrics: dict[str, float]
    reused: bool


def train(settings: Settings) -> TrainedModel:
    """Fine-tune on the dataset that ``settings.data`` names, on the connected Ray; register the result.

    Raises:
        DatasetError, BaseModelError, TrainingError, TrackingError, StorageError, ClusterError: see
            ``adcraft.errors``.
    """
    return train_on(
        settings, PreparedDataset.open(settings.data.root, settings.data.name, settings.data.version)
    )


def train_on(
    settings: Settings,
    dataset: PreparedDataset,
    *,
    teacher: Bundle | None = None,
    name: str = "",
    tags: Mapping[str, str] | None = None,
) -> TrainedModel:
    """Fine-tune on ``dataset``, on the connected Ray; register the result.

    Args:
        settings: of the run.
        dataset: to train on.
        teacher: whose texts are learnt; None: the dataset's are.
        name: of the run, before its key; empty: by dataset and base model.
        tags: of the run, beside the usual ones.

    Raises:
        DatasetError, BaseModelError, TrainingError, TrackingError, StorageError, ClusterError: see
            ``adcraft.errors``.
    """
    check_splits(dataset)
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    key = run_key(settings, dataset, teacher=teacher.manifest.run.id if teacher else "")
    if found := _registered(registry, key):
        return found
    resources = _resources(settings)
    run = TrainingRun(settings, dataset, key, teacher=teacher)
    with run.alone():
        if found := _registered(registry, key):  # by a process that ended between the look and the lock
            return found
        with run.logged(name and f"{name}-{key[:6]}", tags) as run_log:
            end_killed_runs(settings.tracking.uri, run_log.experiment_id, run.storage)
            metrics = run.execute(run_log, resources)
            version = registry.register(
                run_id=run_log.run_id,
                run_name=run_log.run_name,
                run_key=key,
                dataset_version=dataset.version,
            )
            run_log.end("FINISHED")
            return TrainedModel(version, metrics, reused=False)


def _registered(registry: Registry, key: str) -> TrainedModel | None:
    found = registry.find(key)
    if not found:
        return None
    log.info("this run is registered already as version %s; train.fresh=true trains again", found.version)
    version = registry.settle(found)
    return TrainedModel(version, registry.best_metrics(version), reused=True)


def _resources(settings: Settings) -> WorkerResources:
    return worker_resources(
        num_workers=settings.train.num_workers,
        min_workers=settings.train.min_workers,
        use_gpu=settings.train.use_gpu,
        threads=settings.train.threads_per_worker,
        nodes=alive_nodes(),
        node_cores=len(os.sched_getaffinity(0)),
    )
