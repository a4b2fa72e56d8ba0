"""The call of Ray Train V2."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.data
import ray.train
from ray.exceptions import GetTimeoutError, RayError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2.api.callback import RayTrainCallback

from adcraft.errors import TrainingError
from adcraft.training import faults
from adcraft.training.encoding import EncodedSplit
from adcraft.training.loop import train_loop_per_worker
from adcraft.training.orphans import remove_orphans
from adcraft.training.plan import TrainingPlan
from adcraft.training.progress import Event, ProgressDrain, ReasonToStop
from adcraft.training.resources import WorkerResources
from adcraft.training.successor import ENVIRONMENT
from adcraft.training.train_list import SCORE, mend

_ABORT_S = 10.0


@dataclass(frozen=True)
class Checkpoints:
    """What a finished run left.

    Attributes:
        kept: folder and validation loss of each checkpoint that was kept, the best among them.
        latest: folder of the last one.
        stopped: why the training was told to stop; "" if it ended by itself.
    """

    kept: list[tuple[Path, float]]
    latest: Path
    stopped: str


def fit(
    plan: TrainingPlan,
    splits: dict[str, EncodedSplit],
    resources: WorkerResources,
    *,
    min_workers: int = 0,
    storage: Path,
    name: str,
    keep_checkpoints: int,
    max_failures: int,
    on_progress: Callable[[list[Event]], None],
    reason_to_stop: ReasonToStop = str,
) -> Checkpoints:
    """Train, or go on with the run of this name.

    Args:
        plan: what to do, and by how many workers.
        splits: ``train`` and ``validation``.
        resources: of each worker.
        min_workers: go on with so few while there are not resources for all; 0: wait for them.
        storage: folder of runs, seen by all workers.
        name: of the run's folder.
        keep_checkpoints: so many; the best and the latest are among them.
        max_failures: of workers, before it is given up.
        on_progress: is told what happens.

    Raises:
        TrainingError: the workers failed more often than allowed.
        StorageError: a checkpoint could not be written.
    """
    mend(storage / name)
    with ProgressDrain(on_progress, reason_to_stop) as progress:
        trainer = _Trainer(
            train_loop_per_worker,
            train_loop_config={
                "plan": plan.as_config(),
                "progress": progress.sink,
                # Not with GPUs: what a process imports may look at them before Ray says which are its own.
                "successor": _in_actor() and not resources.gpus,
            },
            # Counts and losses are summed on the CPU.
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if resources.gpus else "gloo"),
            scaling_config=ray.train.ScalingConfig(
                num_workers=_scale(min_workers, plan.workers),
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
                    checkpoint_score_attribute=SCORE,
                    checkpoint_score_order="min",
                ),
                callbacks=[faults.GiveUp(progress.sink)],  # type: ignore[list-item] # declared for V1
                worker_runtime_env={"env_vars": {} if resources.gpus else ENVIRONMENT},  # type: ignore[call-arg] # as above
            ),
            datasets={split: encoded.read() for split, encoded in splits.items()},
            dataset_config=_data_config(plan.workers),
        )
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as failure:
            remove_orphans()
            raise faults.explained(failure, max_failures) from failure
    if not result.best_checkpoints or not result.checkpoint:
        raise TrainingError(f"Training left no checkpoint in {storage / name}.")
    return Checkpoints(
        [(Path(kept.path), float(score[SCORE])) for kept, score in result.best_checkpoints],
        Path(result.checkpoint.path),
        progress.stopped,
    )


class _Trainer(TorchTrainer):
    """Ray Train takes Ctrl-C for itself and ends the process with exit code 0; here it is the exception
    that it is everywhere, and the workers are told to stop. And :mod:`adcraft.training.orphans` takes the
    place of its cleaner of placement groups.
    """

    _controller: Any = None

    def _create_default_callbacks(self) -> list[RayTrainCallback]:
        callbacks = super()._create_default_callbacks()  # type: ignore[misc] # declared for V1
        return [item for item in callbacks if not isinstance(item, PlacementGroupCleanerCallback)]

    def _initialize_and_run_controller(self, **options: Any) -> ray.train.Result:
        """In a trial, which is an actor already, the controller needs no process of its own."""
        if not _in_actor():
            return super()._initialize_and_run_controller(**options)  # type: ignore[misc,no-any-return] # as above
        controller = TrainController(**options)
        asyncio.run(controller.run())
        return controller.get_result()

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


def _in_actor() -> bool:
    """Whether this is the process of a trial."""
    return ray.get_runtime_context().get_actor_id() is not None


def _scale(fewest: int, most: int) -> Any:
    """How many workers, as Ray Train takes it: a pair where they may come and go."""
    return (fewest, most) if 0 < fewest < most else most


def _data_config(num_workers: int) -> ray.train.DataConfig:
    """Rows in their order, so that the same run gives the same model. Only what several workers share
    is split: that takes a process more.
    """
    options = ray.data.ExecutionOptions(preserve_order=True)
    return ray.train.DataConfig(
        datasets_to_split=["train"] if num_workers > 1 else [], execution_options=options
    )
