"""The call of Ray Train V2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ray.data
import ray.train
from ray.train.torch import TorchConfig, TorchTrainer

from adcraft.errors import StorageError, TrainingError
from adcraft.training.encoding import EncodedSplit
from adcraft.training.loop import train_loop_per_worker
from adcraft.training.plan import TrainingPlan
from adcraft.training.progress import Event, ProgressDrain
from adcraft.training.resources import WorkerResources


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
) -> list[tuple[Path, float]]:
    """Train, or go on with the run of this name.

    Returns:
        Folder and validation loss of each checkpoint that was kept, the best among them.

    Raises:
        TrainingError: the workers failed more often than allowed.
        StorageError: a checkpoint could not be written.
    """
    with ProgressDrain(on_progress) as progress:
        trainer = TorchTrainer(
            train_loop_per_worker,
            train_loop_config={"plan": plan.as_config(), "progress": progress.sink},
            torch_config=TorchConfig(backend="nccl" if resources.gpus else "gloo"),
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
            ),
            datasets={split: encoded.read() for split, encoded in splits.items()},
            dataset_config=ray.train.DataConfig(datasets_to_split="all"),
        )
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as error:
            cause = f"{error}".strip()
            if "No space left on device" in cause:
                raise StorageError(f"The disk of {storage} is full. Free space, and run it again.") from error
            raise TrainingError(
                f"Training stopped after {max_failures} restarts: {_last_line(cause)} Run it again to go on "
                "from the last checkpoint."
            ) from error
    kept = [
        (Path(checkpoint.path), float(metrics["validation_loss"]))
        for checkpoint, metrics in result.best_checkpoints or []
    ]
    if not kept:
        raise TrainingError(f"Training left no checkpoint in {storage / name}.")
    return kept


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given."
