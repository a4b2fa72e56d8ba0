"""What went wrong in a worker: whether trying again helps, and the sentence for people."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

from ray.exceptions import RayActorError, RayError
from ray.train import ControllerError, TrainingFailedError, UserCallback, WorkerGroupError

from adcraft.errors import AdcraftError, StorageError, TrainingError
from adcraft.training.progress import phase

_DISK_FULL = ("No space left on device", "Disk quota exceeded")
_OUT_OF_MEMORY = (
    "OutOfMemory",
    "out of memory",
    "can't allocate memory",  # torch's CPU allocator
    "Cannot allocate memory",
    "bad_alloc",
    "running low on memory",  # Ray's memory monitor
)
_LESS_MEMORY = (
    "Set train.gradient_checkpointing=true and run it again to go on from the last checkpoint, or lower "
    "train.tokens_per_batch"
)


class GiveUp(UserCallback):
    """Ends training at the first fault that a restart meets again: a full disk, a batch that memory can't
    hold, or an error that is explained. What remains, such as a lost worker, is what Ray Train restarts for;
    people are told, since it may have to wait for another node.
    """

    def __init__(self, sink: Any = None) -> None:
        """``sink`` is that of a ``ProgressDrain``; None tells nobody."""
        self._sink = sink

    def after_exception(self, run_context: Any, worker_exceptions: Mapping[int, Exception]) -> None:
        """Called by the controller; what is raised here, ``trainer.fit()`` raises."""
        for error in worker_exceptions.values():
            if isinstance(error, AdcraftError):
                raise error
            if disk_is_full(error):
                raise StorageError(f"The disk is full: {_first_line(error)}. Free space, and run it again.")
            if _allocation_failed(error):
                raise TrainingError(f"A training worker ran out of memory: {_said(error)}. {_LESS_MEMORY}.")
        if self._sink is not None:
            words = "a worker was lost; waiting for the workers to start again"
            self._sink.add.remote([phase(words)])


def explained_cause(error: BaseException | None) -> AdcraftError | None:
    """The error of ours that Ray, which carried it here from another process, has wrapped in its own."""
    while error is not None:
        if isinstance(error, AdcraftError) and not isinstance(error, RayError):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None


def portable(error: Exception) -> Exception:
    """``error``, or its sentence where it would not survive the way to the driver: the worker would
    seem to have died without a reason.
    """
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, a moment ago
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def disk_is_full(error: Exception) -> bool:
    """Whether that is what ``error`` is about; libraries in other languages raise no OSError."""
    return any(sign in str(error) for sign in _DISK_FULL)


def explained(failure: TrainingFailedError, max_failures: int) -> AdcraftError:
    """The sentence for what ``trainer.fit()`` raised."""
    if isinstance(failure, ControllerError):
        cause = failure.controller_failure
        if isinstance(cause, AdcraftError):
            return cause
        return TrainingError(f"Ray Train could not go on: {_said(cause)}. Run it again.")
    causes = list(failure.worker_failures.values()) if isinstance(failure, WorkerGroupError) else [failure]
    # A worker that dies takes the others along, which then complain about the connection.
    cause = min(causes, key=lambda error: (_is_collateral(error), isinstance(error, RayActorError)))
    times = f"{max_failures + 1} times" if max_failures else "and train.max_failures is 0"
    advice = _LESS_MEMORY if _out_of_memory(cause) else "Run it again to go on from the last checkpoint"
    return TrainingError(f"A training worker failed {times}: {_said(cause)}. {advice}.")


def _allocation_failed(error: Exception) -> bool:
    """Whether the worker itself was refused memory, as it will be again with the same batches. One that
    was killed, by the system or by Ray, may have been in the way of others.
    """
    killed = isinstance(error, RayError) or hasattr(error, "health_check_failure")
    return _out_of_memory(error) and not killed


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY)


def _is_collateral(error: Exception) -> bool:
    return any(
        sign in str(error) for sign in ("Connection closed by peer", "Connection reset", "ProcessGroup")
    )


def _said(error: BaseException) -> str:
    """The error in one line; a dead worker's is wrapped in one that says nothing."""
    error = getattr(error, "health_check_failure", error)
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given").rstrip(". ")
