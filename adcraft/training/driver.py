"""The training driver: from a prepared dataset to a registered model version.

Every step that costs time leaves something that a rerun finds: encoded data, checkpoints, the MLflow
run, the registered version. So a job that was killed goes on where it was when it is started again,
and a job that had finished says so at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from adcraft import __version__
from adcraft.data.dataset import PreparedDataset
from adcraft.errors import DatasetError, StorageError, TrainingError
from adcraft.inference.bundle import DatasetReference, PromptSettings, RunReference
from adcraft.inference.codec import TextCodec
from adcraft.registry import BEST, ModelVersion, Registry
from adcraft.settings import Settings
from adcraft.tracking.connection import redacted
from adcraft.tracking.curves import learning_curve
from adcraft.tracking.run_log import RunLog
from adcraft.training.base_model import SCRATCH, write_base
from adcraft.training.bundling import build_bundle
from adcraft.training.checkpoint import read_state
from adcraft.training.encoding import TRAINING_SPLITS, EncodedSplit, encode, examples, prompt_fields
from adcraft.training.faults import disk_is_full
from adcraft.training.heartbeat import told
from adcraft.training.monitor import RunMonitor, Sample
from adcraft.training.plan import TrainingPlan
from adcraft.training.resources import WorkerResources, worker_resources
from adcraft.workload import Workload
from adcraft.workloads import get_workload

log = logging.getLogger(__name__)

_TOKENIZER_EXAMPLES = 50_000
# Of each matrix's own size (see optimizer.py). The second is what T5 was fine-tuned with by its authors.
_SCRATCH_RATE, _PRETRAINED_RATE = 2e-2, 1e-3


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
    dataset = PreparedDataset.open(settings.data.root, settings.data.name, settings.data.version)
    _check_splits(dataset)
    workload = get_workload(settings.workload)
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    key = run_key(settings, dataset)
    if found := registry.find(key):
        log.info("this run is registered already as version %s; train.fresh=true trains again", found.version)
        version = registry.settle(found)
        return TrainedModel(version, registry.best_metrics(version), reused=True)
    resources = _resources(settings)
    run = _Run(settings, dataset, workload, key)
    with run.alone():
        run_log = RunLog(
            settings.tracking.uri,
            settings.tracking.experiment,
            key,
            f"{settings.data.name}-{Path(settings.model.base).name}-{key[:6]}",
            {"adcraft.dataset": f"{dataset.name}/{dataset.version}", "adcraft.version": __version__},
        )
        try:
            return run.execute(run_log, registry, resources)
        except KeyboardInterrupt:
            run_log.give_up("KILLED")
            raise
        except BaseException as error:
            run_log.give_up("FAILED")
            if isinstance(error, Exception) and disk_is_full(error):
                raise StorageError(f"The disk is full: {error}. Free space, and run it again.") from error
            raise


def run_key(settings: Settings, dataset: PreparedDataset) -> str:
    """What makes a run the same run: dataset, model, training settings and Adcraft's version. Where
    files lie and how many CPUs there are do not count; ``train.fresh`` makes every run another.
    """
    content = {
        "dataset": dataset.version,
        "workload": settings.workload,
        "model": settings.model.model_dump(),
        "train": settings.train.model_dump(
            exclude={"storage", "fresh", "threads_per_worker", "max_failures"}
        ),
        "registered_model": settings.tracking.model,
        "adcraft": __version__,
        "fresh": time.time_ns() if settings.train.fresh else 0,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class _Run:
    """One training run and its folder ``<train.storage>/<key>``."""

    def __init__(self, settings: Settings, dataset: PreparedDataset, workload: Workload, key: str) -> None:
        self.settings = settings
        self.dataset = dataset
        self.workload = workload
        self.key = key
        self.storage = Path(settings.train.storage)
        self.folder = self.storage / key
        self.pretrained = settings.model.base != SCRATCH
        self.prompt = PromptSettings(
            fields=prompt_fields(dataset, workload),
            source_tokens=settings.model.source_tokens,
            target_tokens=settings.model.target_tokens,
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep another process from training the same run at the same time.

        Raises:
            TrainingError: one does.
            StorageError: the run's folder can't be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {self.folder} can't be made: {error}.") from error
        try:
            with FileLock(self.folder / ".lock", blocking=False):
                yield
        except Timeout:
            raise TrainingError(
                f"Another process is training this very run in {self.folder}. Wait for it, or set "
                "train.fresh=true to train another."
            ) from None

    def execute(self, run_log: RunLog, registry: Registry, resources: WorkerResources) -> TrainedModel:
        base = self._base()
        splits = encode(
            self.dataset, self.workload, base / "tokenizer.json", self.prompt, self.storage / "encoded"
        )
        plan = self._plan(base, splits, resources)
        run_log.parameters(self._public_settings())
        run_log.dataset(
            self.dataset.name,
            self.dataset.version,
            str(self.dataset.path),
            {split: encoded.rows for split, encoded in splits.items()},
        )
        monitor = RunMonitor(run_log, base / "tokenizer.json", self._samples(), self.workload.finish)
        log.info(
            "training on %d examples (%d tokens), %d worker(s) of %d thread(s)",
            plan.rows,
            splits["train"].tokens,
            self.settings.train.num_workers,
            resources.threads,
        )
        best, latest = self._fit(plan, splits, resources, monitor)
        metrics = {key: round(value, 6) for key, value in read_state(best).history[-1].items()}
        history = read_state(latest).history
        for epoch in history:  # an attempt that was killed may not have come to log its last one
            run_log.epoch(epoch)
        run_log.metrics({f"{BEST}{name}": value for name, value in metrics.items()}, int(metrics["step"]))
        run_log.settle()
        run_log.figure(learning_curve(history, run_log.step_losses(), run_log.run_name), "learning_curve.png")
        version = self._register(run_log, registry, base, best, metrics)
        run_log.end("FINISHED")
        return TrainedModel(version, metrics, reused=False)

    def _base(self) -> Path:
        folder = self.folder / "base"
        if not folder.exists():
            aside = _fresh_folder(self.folder / ".base-partial")
            with told(f"getting the base model ready ({self.settings.model.base})"):
                write_base(self.settings.model, self.workload.slot_tokens, self._texts, aside)
            aside.rename(folder)
        return folder

    def _texts(self) -> Sequence[str]:
        files = self.dataset.split_files("train")
        return [
            text
            for example in examples(files, self.workload, self.prompt.fields, limit=_TOKENIZER_EXAMPLES)
            for text in (example.source, example.target)
        ]

    def _plan(self, base: Path, splits: dict[str, EncodedSplit], resources: WorkerResources) -> TrainingPlan:
        train, model = self.settings.train, self.settings.model
        return TrainingPlan(
            base=str(base),
            pretrained=self.pretrained,
            rows=splits["train"].rows,
            epochs=train.max_epochs,
            seconds=train.max_minutes * 60,
            patience=train.patience,
            threads=resources.threads,
            tokens_per_batch=train.tokens_per_batch,
            accumulate=train.accumulate,
            learning_rate=train.learning_rate or (_PRETRAINED_RATE if self.pretrained else _SCRATCH_RATE),
            warmup=train.warmup,
            weight_decay=train.weight_decay,
            label_smoothing=train.label_smoothing,
            clip_norm=train.clip_norm,
            seed=train.seed,
            target_tokens=model.target_tokens,
            sample_sources=self._sample_sources(base),
        )

    def _samples(self) -> list[Sample]:
        """The first products of the validation split, to be written about after each epoch."""
        wanted = self.settings.train.samples
        rows = islice(self.dataset.rows("validation"), wanted)
        return [
            Sample(
                product=row[self.workload.product_name] or "",
                reference=row["target"] or "",
                prompt=self.workload.prompt(row, self.prompt.fields),
            )
            for row in rows
        ]

    def _sample_sources(self, base: Path) -> tuple[tuple[int, ...], ...]:
        codec = TextCodec.load(base / "tokenizer.json")
        sources = [sample.prompt.source for sample in self._samples()]
        return tuple(tuple(ids) for ids in codec.encode(sources, self.prompt.source_tokens))

    def _fit(
        self,
        plan: TrainingPlan,
        splits: dict[str, EncodedSplit],
        resources: WorkerResources,
        monitor: RunMonitor,
    ) -> tuple[Path, Path]:
        """Train by Ray Train; the folders of the best and of the latest checkpoint."""
        from adcraft.training.fit import fit

        train = self.settings.train
        checkpoints = fit(
            plan,
            splits,
            resources,
            num_workers=train.num_workers,
            storage=self.storage,
            name=self.key,
            keep_checkpoints=train.keep_checkpoints,
            max_failures=train.max_failures,
            on_progress=monitor.handle,
        )
        best, _ = min(checkpoints.kept, key=lambda item: item[1])
        if not math.isfinite(read_state(best).history[-1]["validation_loss"]):
            raise TrainingError(
                f"Training diverged: no epoch ended with a finite validation loss (learning rate "
                f"{plan.learning_rate:g}). Lower train.learning_rate or raise train.warmup."
            )
        return best, checkpoints.latest

    def _register(
        self, run_log: RunLog, registry: Registry, base: Path, best: Path, metrics: dict[str, float]
    ) -> ModelVersion:
        with (
            told("writing the bundle and registering it"),
            tempfile.TemporaryDirectory(prefix="adcraft-bundle-") as folder,
        ):
            bundle = build_bundle(
                Path(folder) / "bundle",
                base=base,
                pretrained=self.pretrained,
                checkpoint=best,
                workload=self.workload.name,
                base_name=self.settings.model.base,
                dataset=DatasetReference(name=self.dataset.name, version=self.dataset.version),
                run=RunReference(id=run_log.run_id, name=run_log.run_name),
                prompt=self.prompt,
                metrics=metrics,
                settings=self._public_settings(),
            )
            run_log.folder(bundle.path, "bundle")
        return registry.register(
            run_id=run_log.run_id,
            run_name=run_log.run_name,
            run_key=self.key,
            dataset_version=self.dataset.version,
        )

    def _public_settings(self) -> dict[str, Any]:
        """The resolved settings, without the password that an address may hold."""
        tree = self.settings.model_dump(mode="json")
        tree["tracking"]["uri"] = redacted(tree["tracking"]["uri"])
        return tree


def _check_splits(dataset: PreparedDataset) -> None:
    for split in TRAINING_SPLITS:
        if not dataset.manifest.splits[split].rows:
            raise DatasetError(
                f"The {split} split of {dataset.name}/{dataset.version} is empty; prepare more products, or "
                f"a larger data.split.{split}."
            )


def _resources(settings: Settings) -> WorkerResources:
    import ray

    cluster = ray.cluster_resources()
    return worker_resources(
        num_workers=settings.train.num_workers,
        use_gpu=settings.train.use_gpu,
        threads=settings.train.threads_per_worker,
        cluster_cpus=cluster.get("CPU", 0.0),
        cluster_gpus=cluster.get("GPU", 0.0),
        node_cores=len(os.sched_getaffinity(0)),
    )


def _fresh_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
