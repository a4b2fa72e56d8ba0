"""What is told of a worker's fault, and whether it is tried again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ray.exceptions import OutOfMemoryError
from ray.train import WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

from adcraft.errors import StorageError, TrainingError
from adcraft.training.faults import GiveUp, explained, portable

ADVICE = "Set train.gradient_checkpointing=true and run it again to go on from the last checkpoint, or lower "


def refused_by_torch() -> Exception:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    return caught.value


def refused_by_numpy() -> Exception:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**59)
    return caught.value


def killed() -> Exception:
    reason = OutOfMemoryError(
        "Task was killed due to the node running low on memory.\nMemory on the node ..."
    )
    return WorkerHealthCheckFailedError("A worker health check failed.\nWorker info: rank 0", reason)


def failed(*errors: Exception) -> Any:
    """What trainer.fit() raises."""
    return WorkerGroupError("failed", dict(enumerate(errors)))


@pytest.mark.parametrize(
    "error",
    [refused_by_torch(), refused_by_numpy(), torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB")],
)
def test_a_batch_that_memory_can_not_hold_is_not_tried_again(error: Exception) -> None:
    with pytest.raises(TrainingError, match=r"^A training worker ran out of memory: ") as caught:
        GiveUp().after_exception(None, {0: RuntimeError("Connection closed by peer"), 1: portable(error)})
    assert ADVICE in str(caught.value)


def test_a_worker_that_ray_killed_for_memory_is_tried_again_so_often() -> None:
    GiveUp().after_exception(None, {0: killed()})
    said = str(explained(failed(RuntimeError("Connection closed by peer"), killed()), 3))
    assert said.startswith("A training worker failed 4 times: OutOfMemoryError: Task was killed due to the ")
    assert ADVICE in said
    assert "\n" not in said


def test_a_lost_worker_is_tried_again() -> None:
    GiveUp().after_exception(None, {0: RuntimeError("Connection reset by peer")})
    said = str(explained(failed(RuntimeError("broken")), 0))
    assert said.startswith(
        "A training worker failed and train.max_failures is 0: RuntimeError: broken. Run it "
    )
    assert "memory" not in said


def test_a_full_disk_is_not_tried_again() -> None:
    with pytest.raises(StorageError, match=r"^The disk is full: "):
        GiveUp().after_exception(None, {0: OSError(28, "No space left on device")})
