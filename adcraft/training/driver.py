"""The training driver: from a prepared dataset to a registered model version.

Every step that costs time leaves something that a rerun finds: encoded data, checkpoints, the MLflow
run, the registered version. So a job that was killed goes on where it was when it is started again,
and a job that had finished says so at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from adcraft import __version__
from adcraft.data.dataset import PreparedDataset
from adcraft.errors import StorageError, TrainingError
from adcraft.inference.bundle import DatasetReference, PromptSettings, RunReference
from adcraft.inference.codec import TextCodec
from adcraft.registry import ModelVersion, Registry
from adcraft.settings import Settings
from adcraft.tracking.curves import learning_curve
from adcraft.tracking.run_log import RunLog
from adcraft.training.base_model import SCRATCH, write_base
from adcraft.training.bundling import build_bundle
from adcraft.training.checkpoint import RunState, read_state
from adcraft.training.encoding import EncodedSplit, encode, examples, prompt_fields
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
        DatasetError, BaseModelError, TrainingError, TrackingError, ClusterError: see ``adcraft.errors``.
    """
    dataset = PreparedDataset.open(settings.data.root, settings.data.name, settings.data.version)
    workload = get_workload(settings.workload)
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    key = run_key(settings, dataset)
    if version := registry.find(key):
        log.info(
            "this run is registered already as version %s; train.fresh=true trains again", version.version
        )
        return TrainedModel(version, {}, reused=True)
    resources = _resources(settings)
    run = _Run(settings, dataset, workload, key)
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
        run_log.end("KILLED")
        raise
    except BaseException:
        run_log.end("FAILED")
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

    def execute(self, run_log: RunLog, registry: Registry, resources: WorkerResources) -> TrainedModel:
        base = self._base()
        splits = encode(
            self.dataset, self.workload, base / "tokenizer.json", self.prompt, self.storage / "encoded"
        )
        plan = self._plan(base, splits, resources)
        run_log.parameters(self.settings.model_dump(mode="json"))
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
        best = self._fit(plan, splits, resources, monitor)
        state = read_state(best)
        metrics = _best_metrics(state)
        run_log.metrics({f"best_{name}": value for name, value in metrics.items()}, state.step)
        run_log.figure(
            learning_curve(monitor.history or state.history, monitor.step_losses, run_log.run_name),
            "learning_curve.png",
        )
        version = self._register(run_log, registry, base, best, metrics)
        run_log.end("FINISHED")
        return TrainedModel(version, metrics, reused=False)

    def _base(self) -> Path:
        folder = self.folder / "base"
        if not folder.exists():
            aside = _fresh_folder(self.folder / ".base-partial")
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
    ) -> Path:
        """Train by Ray Train; the folder of the best checkpoint."""
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
        finite = [(path, loss) for path, loss in checkpoints if math.isfinite(loss)]
        if not finite:
            raise TrainingError(
                f"Training diverged: no epoch ended with a finite validation loss (learning rate "
                f"{plan.learning_rate:g}). Lower train.learning_rate or raise train.warmup."
            )
        return min(finite, key=lambda item: item[1])[0]

    def _register(
        self, run_log: RunLog, registry: Registry, base: Path, best: Path, metrics: dict[str, float]
    ) -> ModelVersion:
        log.info("writing the bundle and registering it")
        with tempfile.TemporaryDirectory(prefix="adcraft-bundle-") as folder:
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
                settings=self.settings.model_dump(mode="json"),
            )
            run_log.folder(bundle.path, "bundle")
        return registry.register(
            run_id=run_log.run_id,
            run_name=run_log.run_name,
            run_key=self.key,
            dataset_version=self.dataset.version,
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


def _best_metrics(state: RunState) -> dict[str, float]:
    return {key: round(value, 6) for key, value in state.history[-1].items()}


def _fresh_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder.parent} can't be made: {error}.") from error
    return folder
