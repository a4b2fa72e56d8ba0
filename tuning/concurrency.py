"""How many trials may run at a time, and what each of their workers asks of Ray, so that none ever
waits for what only the others could give back.

CPUs are counted in hundredths, as whole numbers: a sum of shares must not fail by a rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.errors import ClusterError
from adcraft.training.resources import DATA_CPUS, WorkerResources

DRIVER_CPUS = 0.1
"""Of the process that runs one trial's training driver, which waits most of the time."""

_WHOLE = 100
_DRIVER = round(DRIVER_CPUS * _WHOLE)
_DATA = round(DATA_CPUS * _WHOLE)
_SMALLEST_SHARE = _DATA
# What Ray Data asks for a moment when a trial starts: reading a Parquet file's metadata takes a whole
# CPU, whatever the read itself was given.
_START = _WHOLE


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

    def shortage(self, node_cpus: Sequence[float]) -> str:
        """Why not even one trial finds room on the nodes that are left; "" if one does.

        Args:
            node_cpus: logical CPUs of each of them.
        """
        nodes = _hundredths(node_cpus)
        if _share(nodes, 1, self.workers) >= round(self.resources.cpus * _WHOLE):
            return ""
        return (
            f"no trial finds room on the {len(nodes)} node(s) with {sum(nodes) / _WHOLE:g} logical CPUs that "
            f"are left: it needs {self.workers} worker(s) of {self.resources.cpus:g}, {DRIVER_CPUS} for its "
            f"driver, and {_START / _WHOLE:g} for a moment when it starts"
        )


def plan_concurrency(
    *,
    workers: int,
    trials: int,
    node_cpus: Sequence[float],
    gpus: float,
    use_gpu: bool,
    threads: int,
    node_cores: int,
) -> Concurrency:
    """As many trials at a time as there are CPUs for their workers, and as large a share for each as
    leaves room for the drivers and for reading data, wherever Ray places what.

    Args:
        workers: of one trial, at most.
        trials: wanted at a time, at most.
        node_cpus: logical CPUs of each node.
        gpus: of the whole cluster.
        use_gpu: one GPU for each worker.
        threads: torch threads of a worker that were asked for; 0 for an even share of a node's cores.
        node_cores: physical cores that a process may use on a node.

    Raises:
        ClusterError: the cluster can never hold one trial.
    """
    nodes = _hundredths(node_cpus)
    most = min(trials, max(1, sum(nodes) // (workers * _WHOLE)))
    if use_gpu:
        if gpus < workers:
            raise ClusterError(
                f"A trial of train.num_workers = {workers} with train.use_gpu needs {workers} GPUs; the "
                f"cluster has {gpus:g}. Use fewer workers, or set train.use_gpu=false."
            )
        most = min(most, int(gpus // workers))
    for count in range(most, 0, -1):
        if share := _share(nodes, count, workers):
            per_node = -(-count * workers // len(nodes))
            used = threads or max(1, node_cores // per_node)
            return Concurrency(count, workers, WorkerResources(share / _WHOLE, float(use_gpu), used))
    raise ClusterError(
        f"A trial of train.num_workers = {workers} can never run on {sum(nodes) / _WHOLE:g} logical CPUs on "
        f"{len(nodes)} node(s): each worker needs at least {_SMALLEST_SHARE / _WHOLE}, the trial's driver "
        f"{DRIVER_CPUS}, and {_START / _WHOLE:g} must be free for a moment when it starts. Use fewer "
        "workers, or a larger cluster (ray.num_cpus, where Ray is started here)."
    )


def _hundredths(node_cpus: Sequence[float]) -> list[int]:
    return [cpus for node in node_cpus if (cpus := int(node * _WHOLE + 1e-6)) > 0]


def _share(nodes: Sequence[int], trials: int, workers: int) -> int:
    """The largest share of a worker with which ``trials`` of them never stand in each other's way; 0 if
    there is none.
    """
    for share in range(_WHOLE, _SMALLEST_SHARE - 1, -1):
        running = trials * workers * share + trials * _DRIVER
        before_the_last = running - workers * share
        if (
            _slots_left(nodes, trials, share) >= trials * workers
            and _always_free(nodes, _DATA, running, items=trials * (workers + 1))
            and _always_free(nodes, _START, before_the_last, items=trials * (workers + 1) - workers)
        ):
            return share
    return 0


def _always_free(nodes: Sequence[int], wanted: int, used: int, *, items: int) -> bool:
    """Whether some node has ``wanted`` free however ``items`` that sum to ``used`` are placed: they would
    have to take more than the rest of every node, or to touch every node.
    """
    able = [node - wanted for node in nodes if node >= wanted]
    return bool(able) and (used <= sum(able) or items < len(able))


def _slots_left(nodes: Sequence[int], drivers: int, share: int) -> int:
    """Places for workers when the drivers lie where they take the most of them."""
    lost = [0] * (drivers + 1)  # by so many drivers, on the nodes looked at so far
    for node in nodes:
        here = [
            node // share - max(0, node - count * _DRIVER) // share
            for count in range(min(drivers, node // _DRIVER) + 1)
        ]
        lost = [
            max(lost[total - count] + gone for count, gone in enumerate(here) if count <= total)
            for total in range(drivers + 1)
        ]
    return sum(node // share for node in nodes) - lost[drivers]
