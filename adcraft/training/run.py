"""One training run: its folder of checkpoints, its run in MLflow, and the way from the one to the other."""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from adcraft.data.dataset import PreparedDataset
from adcraft.errors import StorageError, TrainingError
from adcraft.inference.bundle import Bundle, DatasetReference, RunReference
from adcraft.registry import BEST
from adcraft.settings import Settings
from adcraft.tracking.connection import redacted
from adcraft.tracking.curves import learning_curve
from adcraft.tracking.provenance import provenance_tags
from adcraft.tracking.run_log import RunLog
from adcraft.training.bundling import PROBES, build_bundle
from adcraft.training.faults import disk_is_full
from adcraft.training.heartbeat import told
from adcraft.training.inputs import RunInputs
from adcraft.training.monitor import OnEpoch, RunMonitor
from adcraft.training.origin import START, Origin
from adcraft.training.plan import TrainingPlan
from adcraft.training.progress import ReasonToStop
from adcraft.training.resources import WorkerResources
from adcraft.training.run_state import LOCK, read_state

log = logging.getLogger(__name__)


class TrainingRun:
    """One training run and its folder ``<train.storage>/<key>``."""

    def __init__(
        self,
        settings: Settings,
        dataset: PreparedDataset,
        key: str,
        origin: Origin | None = None,
        teacher: Bundle | None = None,
    ) -> None:
        """Look for nothing yet.

        Args:
            settings: of the run.
            dataset: to train on.
            key: see :mod:`adcraft.training.run_key`.
            origin: the checkpoint to begin from, which was handed over; None: the base model.
            teacher: whose texts are learnt; None: the dataset's are.
        """
        self.settings = settings
        self.dataset = dataset
        self.inputs = RunInputs(settings, dataset, teacher)
        self.key = key
        self.storage = Path(settings.train.storage)
        self.folder = self.storage / key
        self._start = str(self.folder / START) if origin else ""

    @contextlib.contextmanager
    def alone(self, wait_s: float = 0) -> Iterator[None]:
        """Keep another process from training the same run at the same time.

        Args:
            wait_s: for one that is ending.

        Raises:
            TrainingError: one does.
            StorageError: the run's folder can't be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {self.folder} can't be made: {error}.") from error
        try:
            with FileLock(self.folder / LOCK, timeout=wait_s):
                yield
        except Timeout:
            raise TrainingError(
                f"Another process is training this very run in {self.folder}. Wait for it, or set "
                "train.fresh=true to train another."
            ) from None

    @contextlib.contextmanager
    def logged(
        self, name: str = "", tags: Mapping[str, str] | None = None, *, again: bool = False
    ) -> Iterator[RunLog]:
        """The run in MLflow. An error ends it as FAILED, Ctrl-C as KILLED; else the block ends it.

        Args:
            name: for people; empty: by dataset, base model and key.
            tags: beside the usual ones.
            again: go on with the run even where it has finished.

        Raises:
            StorageError: the disk is full.
        """
        run_log = RunLog(
            self.settings.tracking.uri,
            self.settings.tracking.experiment,
            self.key,
            name or f"{self.settings.data.name}-{Path(self.settings.model.base).name}-{self.key[:6]}",
            {
                "adcraft.dataset": f"{self.dataset.name}/{self.dataset.version}",
                **provenance_tags(),
                **(tags or {}),
            },
            again=again,
        )
        try:
            yield run_log
        except KeyboardInterrupt:
            run_log.give_up("KILLED")
            raise
        except BaseException as error:
            run_log.give_up("FAILED")
            if isinstance(error, Exception) and disk_is_full(error):
                raise StorageError(f"The disk is full: {error}. Free space, and run it again.") from error
            raise

    def execute(
        self,
        run_log: RunLog,
        resources: WorkerResources,
        on_epoch: OnEpoch | None = None,
        reason_to_stop: ReasonToStop = str,
    ) -> dict[str, float]:
        """Train, or go on training, until the bundle of the best epoch is in MLflow.

        Args:
            run_log: where to.
            resources: of each worker.
            on_epoch: is told the metrics of each epoch as it ends.
            reason_to_stop: gives a reason when the training is to end before that.

        Returns:
            The metrics of the best epoch; none if it was told to stop.

        Raises:
            TrainingError, StorageError, TrackingError, BaseModelError: see ``adcraft.errors``.
        """
        best, latest, stopped = self.advance(run_log, resources, on_epoch, reason_to_stop)
        return {} if stopped else self.conclude(run_log, best, latest)

    def advance(
        self,
        run_log: RunLog,
        resources: WorkerResources,
        on_epoch: OnEpoch | None = None,
        reason_to_stop: ReasonToStop = str,
        until: int = 0,
    ) -> tuple[Path, Path, str]:
        """Train, or go on training; the folders of the best and of the latest checkpoint, and why it was
        told to stop, if it was.

        Args:
            run_log, resources, on_epoch, reason_to_stop: see :meth:`execute`.
            until: the epoch to pause after; another call goes on from there. 0: the last one.

        Raises:
            TrainingError, StorageError, TrackingError, BaseModelError: see ``adcraft.errors``.
        """
        inputs = self.inputs
        plan = inputs.plan(resources, self._start, until)
        run_log.parameters(self._public_settings())
        run_log.dataset(self.dataset)
        monitor = RunMonitor(run_log, inputs.tokenizer, inputs.samples, inputs.workload.finish, on_epoch)
        log.info(
            "training on %d examples (%d tokens), %d worker(s) of %d thread(s)",
            plan.rows,
            inputs.splits["train"].tokens,
            self.settings.train.num_workers,
            resources.threads,
        )
        return self._fit(plan, resources, monitor, reason_to_stop)

    def conclude(self, run_log: RunLog, best: Path, latest: Path) -> dict[str, float]:
        """Log curve, best metrics and the bundle of the checkpoint ``best``; the metrics."""
        metrics = {key: round(value, 6) for key, value in read_state(best).history[-1].items()}
        history = read_state(latest).history
        for epoch in history:  # an attempt that was killed may not have come to log its last one
            run_log.epoch(epoch)
        run_log.metrics({f"{BEST}{name}": value for name, value in metrics.items()}, int(metrics["step"]))
        run_log.settle()
        run_log.figure(learning_curve(history, run_log.step_losses(), run_log.run_name), "learning_curve.png")
        self._log_bundle(run_log, best, metrics)
        return metrics

    def _fit(
        self,
        plan: TrainingPlan,
        resources: WorkerResources,
        monitor: RunMonitor,
        reason_to_stop: ReasonToStop,
    ) -> tuple[Path, Path, str]:
        """Train by Ray Train; the folders of the best and of the latest checkpoint, why it was stopped."""
        from adcraft.training.fit import fit

        train = self.settings.train
        checkpoints = fit(
            plan,
            self.inputs.splits,
            resources,
            min_workers=train.min_workers,
            storage=self.storage,
            name=self.key,
            keep_checkpoints=train.keep_checkpoints,
            max_failures=train.max_failures,
            on_progress=monitor.handle,
            reason_to_stop=reason_to_stop,
        )
        best, _ = min(checkpoints.kept, key=lambda item: item[1])
        if not math.isfinite(read_state(best).history[-1]["validation_loss"]):
            raise TrainingError(
                f"Training diverged: no epoch ended with a finite validation loss (learning rate "
                f"{plan.learning_rate:g}). Lower train.learning_rate or raise train.warmup."
            )
        return best, checkpoints.latest, checkpoints.stopped

    def _log_bundle(self, run_log: RunLog, best: Path, metrics: dict[str, float]) -> None:
        with (
            told("writing the bundle"),
            tempfile.TemporaryDirectory(prefix="adcraft-bundle-") as folder,
        ):
            bundle = build_bundle(
                Path(folder) / "bundle",
                base=self.inputs.base,
                pretrained=self.inputs.pretrained,
                adapters=self.inputs.adapters,
                checkpoint=best,
                workload=self.inputs.workload.name,
                base_name=self.settings.model.base,
                dataset=DatasetReference(name=self.dataset.name, version=self.dataset.version),
                run=RunReference(id=run_log.run_id, name=run_log.run_name),
                prompt=self.inputs.prompt,
                metrics=metrics,
                settings=self._public_settings(),
                target_ids=self.inputs.splits["train"].target_ids,
                sources=self.inputs.splits["validation"].sources(PROBES),
            )
            run_log.folder(bundle.path, "bundle")

    def _public_settings(self) -> dict[str, Any]:
        """The resolved settings, without the password that an address may hold."""
        tree = self.settings.model_dump(mode="json")
        tree["tracking"]["uri"] = redacted(tree["tracking"]["uri"])
        return tree
