"""How many CPUs and threads a training worker gets, so that data tasks always find room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.errors import ClusterError

WHOLE = 100
"""A logical CPU in hundredths: sums of shares must not fail by a rounding."""

DATA_CPUS = 0.25
"""Logical CPUs of every Ray Data task beside training. Ray's default of 1 starves: workers that hold
every CPU leave none, and training then waits for ever without a word."""

_RESERVED_CPUS = 2 * DATA_CPUS
_DATA = round(DATA_CPUS * WHOLE)
_RESERVED = 2 * _DATA


@dataclass(frozen=True)
class Node:
    """What a node has.

    Attributes:
        cpus: logical CPUs.
        gpus: GPUs.
    """

    cpus: float
    gpus: float = 0.0

    @property
    def hundredths(self) -> int:
        """Its CPUs, in hundredths, rounded down."""
        return int(self.cpus * WHOLE + 1e-6)

    def places(self, share: int, use_gpu: bool, taken: int = 0) -> int:
        """Workers that it has room for.

        Args:
            share: of a CPU that each takes, in hundredths.
            use_gpu: whether each takes a GPU, too.
            taken: hundredths of CPUs that others hold.
        """
        places = max(0, self.hundredths - taken) // share
        return min(places, int(self.gpus)) if use_gpu else places


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
    nodes: Sequence[Node],
    node_cores: int,
) -> WorkerResources:
    """Share out what the cluster has, so that every worker finds a place on one node, and room is left for
    reading data also on a node that remains if the others are lost: training goes on there.

    Args:
        num_workers: of one training run.
        min_workers: that it goes on with; 0 for all of them.
        use_gpu: one GPU for each worker.
        threads: torch threads that were asked for; 0 for an even share of a node's cores. Ray sets
            OMP_NUM_THREADS to a worker's logical CPUs, which halves its speed where those are few.
        nodes: those of the cluster.
        node_cores: physical cores that a process may use on a node.

    Raises:
        ClusterError: the cluster can never hold so many workers.
    """
    needed = min_workers or num_workers
    asked = f"train.{'min' if min_workers else 'num'}_workers = {needed}"
    gpus = sum(int(node.gpus) for node in nodes)
    if use_gpu and gpus < needed:
        raise ClusterError(
            f"{asked} with train.use_gpu needs {needed} GPUs; the cluster has {gpus}. Use fewer "
            "workers, or set train.use_gpu=false."
        )
    shares = [
        (workers, share)
        for workers in range(num_workers, needed - 1, -1)
        if (share := _share(nodes, workers, use_gpu))
    ]
    if not shares:
        cpus = sum(node.cpus for node in nodes)
        raise ClusterError(
            f"{asked} can't run on {cpus:g} logical CPUs of {len(nodes)} node(s): each needs "
            f"{'a GPU and ' * use_gpu}at least {DATA_CPUS} of one node, and {_RESERVED_CPUS} stay for "
            "reading data. Use fewer workers or a larger cluster."
        )
    roomy = [
        (workers, room) for workers, most in shares if (room := _room(nodes, most, num_workers, use_gpu))
    ]
    workers, share = (roomy or shares)[0]  # nodes may be so unlike that no share leaves room on all
    per_node = -(-workers // sum(node.places(share, use_gpu) > 0 for node in nodes))
    return WorkerResources(share / WHOLE, float(use_gpu), threads or max(1, node_cores // per_node))


def _share(nodes: Sequence[Node], workers: int, use_gpu: bool) -> int:
    """The largest share of a CPU, in hundredths, with which so many workers all find a place, and leave the
    cluster what is reserved; 0 if there is none.
    """
    free = sum(node.hundredths for node in nodes) - _RESERVED
    for share in range(min(WHOLE, free // workers), _DATA - 1, -1):
        if sum(node.places(share, use_gpu) for node in nodes) >= workers:
            return share
    return 0


def _room(nodes: Sequence[Node], most: int, workers: int, use_gpu: bool) -> int:
    """The largest share, at most this one, of which workers fill no node that could read data beside them;
    0 if there is none.
    """
    able = [node for node in nodes if node.hundredths >= _RESERVED]
    for share in range(most, _DATA - 1, -1):
        if all(node.hundredths - min(workers, node.places(share, use_gpu)) * share >= _DATA for node in able):
            return share
    return 0
