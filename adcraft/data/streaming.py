"""Running Ray Data so that a driver can trust it: bounded, quiet, and with errors as they were raised."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from adcraft.errors import AdcraftError

if TYPE_CHECKING:
    import ray.data

READ_CPUS = 0.25
"""Logical CPUs of a task that only cuts a file into chunks, which takes a tenth of a core."""

_STORE_BYTES = 256 << 20


def work_cpus(total: float) -> float:
    """Logical CPUs of a task that works: so many that one reader and as many of these as there are CPUs
    run side by side. Whole CPUs would leave one idle beside the reader, on two cores half the machine.
    """
    cpus = max(1.0, total)
    return round(1 - READ_CPUS / cpus - 5e-5, 4)


@contextlib.contextmanager
def streaming_context() -> Iterator[None]:
    """Datasets made inside pass blocks on as they come, keep little in the object store, draw no
    progress bars and print no tracebacks.
    """
    import ray
    from ray.data import DataContext, ExecutionResources

    context = DataContext.get_current().copy()
    context.target_max_block_size = 1  # a chunk is a block, as it is
    context.target_min_block_size = 1
    context.enable_progress_bars = False
    context.raise_original_map_exception = True
    store = min(_STORE_BYTES, ray.cluster_resources().get("object_store_memory", _STORE_BYTES))
    context.execution_options.resource_limits = ExecutionResources(object_store_memory=store)
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL if not logging.getLogger().isEnabledFor(logging.DEBUG) else level)
    try:
        with DataContext.current(context):
            yield
    finally:
        logger.setLevel(level)


def rows(dataset: ray.data.Dataset) -> Iterator[dict[str, Any]]:
    """The rows of a dataset, in the order in which they get ready.

    Raises:
        AdcraftError: one that a task raised.
    """
    try:
        yield from dataset.iter_rows()
    except Exception as error:
        explained = raised_by_task(error)
        if explained is None:
            raise
        raise explained from error


def raised_by_task(error: BaseException) -> AdcraftError | None:
    """The explained error inside what Ray wrapped around it; None if there is none."""
    seen: BaseException | None = error
    while seen is not None:
        if type(seen) is not AdcraftError and isinstance(seen, AdcraftError):
            cause = getattr(seen, "cause", None)  # Ray derives a class from both errors
            return cause if isinstance(cause, AdcraftError) else seen
        cause = getattr(seen, "cause", None)
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    return None
