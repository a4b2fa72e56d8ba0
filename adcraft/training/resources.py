"""How many CPUs and threads a training worker gets, so that data tasks always find room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.errors import ClusterError

DATA_CPUS = 0.25
"""Logical CPUs of every Ray Data task beside training. Ray's default of 1 starves: workers that hold
every CPU leave none, and training then waits for ever without a word."""

_RESERVED_CPUS = 2 * DATA_CPUS
_WHOLE = 100  # hundredths of a CPU: a sum of shares must not fail by a rounding
_DATA = round(DATA_CPUS * _WHOLE)


@dataclass(frozen=True)
class WorkerResources:
    """What each worker asks of Ray, and how many threads torch may use in it."""

    cpus: float
    gpus: float
    threads: int


def worker_resources(
    *,
    num_workers: int,
    min_workers: int = 0,
    use_gpu: bool,
    threads: int,
    node_cpus: Sequence[float],
    cluster_gpus: float,
    node_cores: int,
) -> WorkerResources:
    """Share out what the cluster has, keeping room for reading data also on a node that remains if the
    others are lost: training goes on there.

    Args:
        num_workers: of one training run.
        min_workers: that it goes on with; 0 for all of them.
        use_gpu: one GPU for each worker.
        threads: torch threads that were asked for; 0 for an even share of a node's cores. Ray sets
            OMP_NUM_THREADS to a worker's logical CPUs, which halves its speed where those are few.
        node_cpus: logical CPUs of each node.
        cluster_gpus: GPUs of the whole cluster.
        node_cores: physical cores that a process may use on a node.

    Raises:
        ClusterError: the cluster can never hold so many workers.
    """
    needed = min_workers or num_workers
    asked = f"train.{'min' if min_workers else 'num'}_workers = {needed}"
    if use_gpu and cluster_gpus < needed:
        raise ClusterError(
            f"{asked} with train.use_gpu needs {needed} GPUs; the cluster has {cluster_gpus:g}. Use fewer "
            "workers, or set train.use_gpu=false."
        )
    cluster_cpus = sum(node_cpus)
    shares = [
        (workers, min(_WHOLE, share))
        for workers in range(num_workers, needed - 1, -1)
        if (share := int((cluster_cpus - _RESERVED_CPUS) / workers * _WHOLE + 1e-6)) >= _DATA
    ]
    roomy = [(workers, room) for workers, most in shares if (room := _room(most, num_workers, node_cpus))]
    if not shares:
        raise ClusterError(
            f"{asked} can't run on {cluster_cpus:g} logical CPUs: each needs at least {DATA_CPUS}, and "
            f"{_RESERVED_CPUS} stay for reading data. Use fewer workers or a larger cluster."
        )
    workers, share = (roomy or shares)[0]  # nodes may be so unlike that no share leaves room on all
    nodes = max(1, round(cluster_cpus / node_cores)) if node_cores else 1
    per_node = -(-workers // nodes)
    return WorkerResources(share / _WHOLE, float(use_gpu), threads or max(1, node_cores // per_node))


def _room(most: int, workers: int, node_cpus: Sequence[float]) -> int:
    """The largest share of a CPU, in hundredths and at most this one, of which workers fill no node that
    could read data beside them; 0 if there is none.
    """
    nodes = [hundredths for cpus in node_cpus if (hundredths := int(cpus * _WHOLE + 1e-6)) >= 2 * _DATA]
    for share in range(most, _DATA - 1, -1):
        if all(node - min(workers, node // share) * share >= _DATA for node in nodes):
            return share
    return 0
