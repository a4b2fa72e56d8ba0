"""A cluster of two nodes on this machine, one of which is lost."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.jobs import training_workers


class TwoNodes:
    """A head without CPUs, and two nodes of a raylet each."""

    def __init__(self, cluster: Any, num_cpus: int) -> None:
        self._cluster = cluster
        self._num_cpus = num_cpus
        self.address: str = cluster.address

    def add_one(self) -> None:
        """With as many CPUs as the others."""
        self._cluster.add_node(num_cpus=self._num_cpus)

    def kill_one_that_trains(self) -> None:
        """SIGKILL to a node with a training worker, and so to all that runs on it."""
        self.kill_that_of(training_workers(psutil.Process())[0])

    def kill_that_of(self, worker: psutil.Process) -> None:
        """SIGKILL to the node that a worker runs on, and to the worker."""
        raylets = {node.all_processes["raylet"][0].process.pid: node for node in self._cluster.worker_nodes}
        node = raylets[next(parent.pid for parent in worker.parents() if parent.pid in raylets)]
        self._cluster.remove_node(node, allow_graceful=False)
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()


@contextlib.contextmanager
def two_nodes(num_cpus: int) -> Iterator[TwoNodes]:
    """Start them, with ``num_cpus`` logical CPUs each, and end them."""
    from ray._common.utils import get_ray_address_file
    from ray.cluster_utils import Cluster

    # Cluster writes its address there, and no other Ray of ours ever makes that folder.
    Path(get_ray_address_file(None)).parent.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="adcraft-", dir="/tmp")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "temp_dir": folder})
    try:
        nodes = TwoNodes(cluster, num_cpus)
        for _ in range(2):
            nodes.add_one()
        yield nodes
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
