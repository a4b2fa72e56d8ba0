"""How many CPUs and threads a training worker gets, so that data tasks always find room."""

from __future__ import annotations

from dataclasses import dataclass

from adcraft.errors import ClusterError

DATA_CPUS = 0.25
"""Logical CPUs of every Ray Data task beside training. Ray's default of 1 starves: workers that hold
every CPU leave none, and training then waits for ever without a word."""

_RESERVED_CPUS = 2 * DATA_CPUS


@dataclass(frozen=True)
class WorkerResources:
    """What each worker asks of Ray, and how many threads torch may use in it."""

    cpus: float
    gpus: float
    threads: int


def worker_resources(
    *,
    num_workers: int,
    use_gpu: bool,
    threads: int,
    cluster_cpus: float,
    cluster_gpus: float,
    node_cores: int,
) -> WorkerResources:
    """Share out what the cluster has, keeping room for reading data.

    Args:
        num_workers: of one training run.
        use_gpu: one GPU for each worker.
        threads: torch threads that were asked for; 0 for an even share of a node's cores. Ray sets
            OMP_NUM_THREADS to a worker's logical CPUs, which halves its speed where those are few.
        cluster_cpus: logical CPUs of the whole cluster.
        cluster_gpus: GPUs of the whole cluster.
        node_cores: physical cores that a process may use on a node.

    Raises:
        ClusterError: the cluster can never hold so many workers.
    """
    if use_gpu and cluster_gpus < num_workers:
        raise ClusterError(
            f"train.num_workers = {num_workers} with train.use_gpu needs {num_workers} GPUs; the cluster "
            f"has {cluster_gpus:g}. Use fewer workers, or set train.use_gpu=false."
        )
    share = (cluster_cpus - _RESERVED_CPUS) / num_workers
    cpus = min(1.0, int(share * 100) / 100)
    if cpus < DATA_CPUS:
        raise ClusterError(
            f"train.num_workers = {num_workers} can't run on {cluster_cpus:g} logical CPUs: each needs at "
            f"least {DATA_CPUS}, and {_RESERVED_CPUS} stay for reading data. Use fewer workers or a larger "
            "cluster."
        )
    nodes = max(1, round(cluster_cpus / node_cores)) if node_cores else 1
    per_node = -(-num_workers // nodes)
    return WorkerResources(cpus, float(use_gpu), threads or max(1, node_cores // per_node))
