"""A process for the next trial's worker is there before the trial is."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import psutil
import pytest
import ray

from adcraft.training.successor import ENVIRONMENT, start_successor

pytestmark = pytest.mark.integration

PATIENCE_S = 60
(HOOK,) = ENVIRONMENT


class Worker:
    """Stands for a worker of a trial."""

    def start_successor(self) -> None:
        start_successor()

    def process(self) -> tuple[int, bool]:
        """Its id, and whether it had imported what a training needs."""
        return os.getpid(), "adcraft.training.loop" in sys.modules


def processes_with_hook() -> set[int]:
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if HOOK in process.environ():
                found.add(process.pid)
        except psutil.Error:  # it has just ended
            continue
    return found


def test_a_worker_has_its_successor_started(ray_session: None) -> None:
    worker: Any = ray.remote(num_cpus=0, runtime_env={"env_vars": ENVIRONMENT})(Worker)
    first = worker.remote()
    ray.get(first.process.remote())
    known = processes_with_hook()
    ray.get(first.start_successor.remote())
    deadline = time.monotonic() + PATIENCE_S
    while not (idle := processes_with_hook() - known):
        assert time.monotonic() < deadline, "no process was started"
        time.sleep(0.1)
    pid, imported = ray.get(worker.remote().process.remote())
    assert pid in idle
    assert imported
