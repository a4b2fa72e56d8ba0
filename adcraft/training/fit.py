"""The call of Ray Train V2."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.data
import ray.train
from ray.exceptions import GetTimeoutError, RayError
from ray.train.torch import TorchConfig, TorchTrainer

from adcraft.errors import TrainingError
from adcraft.training import faults
from adcraft.training.encoding import EncodedSplit
from adcraft.training.loop import train_loop_per_worker
from adcraft.training.plan import TrainingPlan
from adcraft.training.progress import Event, ProgressDrain
from adcraft.training.resources import WorkerResources

log = logging.getLogger(__name__)

_SNAPSHOT = "checkpoint_manager_snapshot.json"
_ABORT_S = 10.0


@dataclass(frozen=True)
class Checkpoints:
    """What a finished run left.

    Attributes:
        kept: folder and validation loss of each checkpoint that was kept, the best among them.
        latest: folder of the last one.
    """

    kept: list[tuple[Path, float]]
    latest: Path


def fit(
    plan: TrainingPlan,
    splits: dict[str, EncodedSplit],
    resources: WorkerResources,
    *,
    num_workers: int,
    storage: Path,
    name: str,
    keep_checkpoints: int,
    max_failures: int,
    on_progress: Callable[[list[Event]], None],
) -> Checkpoints:
    """Train, or go on with the run of this name.

    Raises:
        TrainingError: the workers failed more often than allowed.
        StorageError: a checkpoint could not be written.
    """
    _check_snapshot(storage / name)
    with ProgressDrain(on_progress) as progress:
        trainer = _Trainer(
            train_loop_per_worker,
            train_loop_config={"plan": plan.as_config(), "progress": progress.sink},
            # Counts and losses are summed on the CPU.
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if resources.gpus else "gloo"),
            scaling_config=ray.train.ScalingConfig(
                num_workers=num_workers,
                use_gpu=bool(resources.gpus),
                resources_per_worker={"CPU": resources.cpus}
                | ({"GPU": resources.gpus} if resources.gpus else {}),
            ),
            run_config=ray.train.RunConfig(
                name=name,
                storage_path=str(storage),
                failure_config=ray.train.FailureConfig(max_failures=max_failures),
                checkpoint_config=ray.train.CheckpointConfig(
                    num_to_keep=keep_checkpoints,
                    checkpoint_score_attribute="validation_loss",
                    checkpoint_score_order="min",
                ),
                callbacks=[faults.GiveUp()],  # type: ignore[list-item] # declared for V1
            ),
            datasets={split: encoded.read() for split, encoded in splits.items()},
            dataset_config=_data_config(num_workers),
        )
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as failure:
            raise faults.explained(failure, max_failures) from failure
    if not result.best_checkpoints or not result.checkpoint:
        raise TrainingError(f"Training left no checkpoint in {storage / name}.")
    return Checkpoints(
        [(Path(kept.path), float(score["validation_loss"])) for kept, score in result.best_checkpoints],
        Path(result.checkpoint.path),
    )


class _Trainer(TorchTrainer):
    """Ray Train takes Ctrl-C for itself and ends the process with exit code 0; here it is the exception
    that it is everywhere, and the workers are told to stop.
    """

    _controller: Any = None

    def _register_sigint_handler(self, controller: Any) -> None:
        self._controller = controller

    def fit(self) -> ray.train.Result:
        """See TorchTrainer."""
        try:
            return super().fit()
        except KeyboardInterrupt:
            if self._controller is not None:
                with contextlib.suppress(RayError, GetTimeoutError):  # it ends itself, which is an error
                    ray.get(self._controller.abort.remote(), timeout=_ABORT_S)
            raise


def _data_config(num_workers: int) -> ray.train.DataConfig:
    """Rows in their order, so that the same run gives the same model. Only what several workers share
    is split: that takes a process more.
    """
    options = ray.data.ExecutionOptions(preserve_order=True)
    return ray.train.DataConfig(
        datasets_to_split=["train"] if num_workers > 1 else [], execution_options=options
    )


def _check_snapshot(folder: Path) -> None:
    """Ray Train writes its list of checkpoints in place; one that a full disk or a kill cut short
    would stop every further attempt.
    """
    snapshot = folder / _SNAPSHOT
    if not snapshot.exists():
        return
    try:
        json.loads(snapshot.read_bytes())
    except ValueError:
        log.warning("the list of checkpoints in %s was cut short; training starts from the beginning", folder)
        snapshot.unlink()
