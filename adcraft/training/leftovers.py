"""Runs whose process was killed outright, and that no later process goes on with: MLflow would call them
RUNNING for ever.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from adcraft.registry import RUN_KEY_TAG
from adcraft.tracking.connection import connect, explained
from adcraft.tracking.run_log import PARENT_TAG, REASON_TAG
from adcraft.training.run_state import LOCK

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)


def end_killed_runs(uri: str, experiment_id: str, storage: Path) -> None:
    """End as KILLED the runs of an experiment that no process trains any more: each has its lock in its
    folder as long as it does. Children of a sweep are left to it, and runs of other storages to these.

    Raises:
        TrackingError: MLflow does not answer or refuses.
    """
    client = connect(uri)
    with explained(uri, "looking for runs that were killed"):
        running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'")
        for run in running:
            key = run.data.tags.get(RUN_KEY_TAG)
            if not key or PARENT_TAG in run.data.tags or not (file := storage / key / LOCK).exists():
                continue
            lock = FileLock(file)
            try:
                lock.acquire(timeout=0)
            except OSError:  # it is trained, or another user's
                continue
            try:
                _end(client, run)
            finally:
                lock.release()


def _end(client: MlflowClient, run: Run) -> None:
    if client.get_run(run.info.run_id).info.status != "RUNNING":  # it has ended since
        return
    client.set_tag(run.info.run_id, REASON_TAG, "its process was killed")
    client.set_terminated(run.info.run_id, "KILLED")
    log.info("MLflow run %s was left RUNNING by a process that was killed", run.info.run_name)
