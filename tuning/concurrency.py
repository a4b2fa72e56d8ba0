"""How many trials may run at a time, and what each of their workers asks of Ray, so that none ever
waits for what only the others could give back.

CPUs are counted in hundredths, as whole numbers (see ``adcraft.training.resources``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.errors import ClusterError
from adcraft.training.resources import DATA_CPUS, WHOLE, Node, WorkerResources

DRIVER_CPUS = 0.1
"""Of the process that runs one trial's training driver, which waits most of the time."""

_DRIVER = round(DRIVER_CPUS * WHOLE)
_DATA = round(DATA_CPUS * WHOLE)
_SMALLEST_SHARE = _DATA
# What Ray Data asks for a moment when a trial starts: reading a Parquet file's metadata takes a whole
# CPU, whatever the read itself was given.
_START = WHOLE


@dataclass(frozen=True)
class Concurrency:
    """What a sweep may have under way.

    Attributes:
        trials: at a time, at most.
        workers: of each trial, at most.
        resources: of each worker.
    """

    trials: int
    workers: int
    resources: WorkerResources

    def shortage(self, nodes: Sequence[Node]) -> str:
        """Why not even one trial finds room on the nodes that are left; "" if one does."""
        use_gpu = bool(self.resources.gpus)
        if _share(nodes, 1, self.workers, use_gpu) >= round(self.resources.cpus * WHOLE):
            return ""
        return (
            f"no trial finds room on {_told(nodes, use_gpu)} that are left: it needs {self.workers} "
            f"worker(s) of {self.resources.cpus:g}{' and a GPU' * use_gpu}, {DRIVER_CPUS} for its driver, "
            f"and {_START / WHOLE:g} for a moment when it starts"
        )


def plan_concurrency(
    *,
    workers: int,
    trials: int,
    nodes: Sequence[Node],
    use_gpu: bool,
    threads: int,
    node_cores: int,
) -> Concurrency:
    """As many trials at a time as there are CPUs (and GPUs) for their workers, and as large a share for each
    as leaves room for the drivers and for reading data, wherever Ray places what.

    Args:
        workers: of one trial, at most.
        trials: wanted at a time, at most.
        nodes: those of the cluster.
        use_gpu: one GPU for each worker.
        threads: torch threads of a worker that were asked for; 0 for an even share of a node's cores.
        node_cores: physical cores that a process may use on a node.

    Raises:
        ClusterError: the cluster can never hold one trial.
    """
    most = min(trials, max(1, sum(node.hundredths for node in nodes) // (workers * WHOLE)))
    if use_gpu:
        gpus = sum(int(node.gpus) for node in nodes)
        if gpus < workers:
            raise ClusterError(
                f"A trial of train.num_workers = {workers} with train.use_gpu needs {workers} GPUs; the "
                f"cluster has {gpus}. Use fewer workers, or set train.use_gpu=false."
            )
        most = min(most, gpus // workers)
    for count in range(most, 0, -1):
        if share := _share(nodes, count, workers, use_gpu):
            per_node = -(-count * workers // sum(node.places(share, use_gpu) > 0 for node in nodes))
            used = threads or max(1, node_cores // per_node)
            return Concurrency(count, workers, WorkerResources(share / WHOLE, float(use_gpu), used))
    raise ClusterError(
        f"A trial of train.num_workers = {workers} can never run on {_told(nodes, use_gpu)}: each worker "
        f"needs {'a GPU and ' * use_gpu}at least {_SMALLEST_SHARE / WHOLE} of one node, the trial's driver "
        f"{DRIVER_CPUS}, and {_START / WHOLE:g} must be free for a moment when it starts. Use fewer "
        "workers, or a larger cluster (ray.num_cpus, where Ray is started here)."
    )


def _told(nodes: Sequence[Node], use_gpu: bool) -> str:
    gpus = f" and {sum(int(node.gpus) for node in nodes)} GPUs" * use_gpu
    return f"the {len(nodes)} node(s) with {sum(node.cpus for node in nodes):g} logical CPUs{gpus}"


def _share(nodes: Sequence[Node], trials: int, workers: int, use_gpu: bool) -> int:
    """The largest share of a worker with which ``trials`` of them never stand in each other's way; 0 if
    there is none.
    """
    for share in range(WHOLE, _SMALLEST_SHARE - 1, -1):
        running = trials * workers * share + trials * _DRIVER
        before_the_last = running - workers * share
        if (
            _slots_left(nodes, trials, share, use_gpu) >= trials * workers
            and _always_free(nodes, _DATA, running, items=trials * (workers + 1))
            and _always_free(nodes, _START, before_the_last, items=trials * (workers + 1) - workers)
        ):
            return share
    return 0


def _always_free(nodes: Sequence[Node], wanted: int, used: int, *, items: int) -> bool:
    """Whether some node has ``wanted`` free however ``items`` that sum to ``used`` are placed: they would
    have to take more than the rest of every node, or to touch every node.
    """
    able = [node.hundredths - wanted for node in nodes if node.hundredths >= wanted]
    return bool(able) and (used <= sum(able) or items < len(able))


def _slots_left(nodes: Sequence[Node], drivers: int, share: int, use_gpu: bool) -> int:
    """Places for workers when the drivers lie where they take the most of them."""
    lost = [0] * (drivers + 1)  # by so many drivers, on the nodes looked at so far
    for node in nodes:
        here = [
            node.places(share, use_gpu) - node.places(share, use_gpu, taken=count * _DRIVER)
            for count in range(min(drivers, node.hundredths // _DRIVER) + 1)
        ]
        lost = [
            max(lost[total - count] + gone for count, gone in enumerate(here) if count <= total)
            for total in range(drivers + 1)
        ]
    return sum(node.places(share, use_gpu) for node in nodes) - lost[drivers]
