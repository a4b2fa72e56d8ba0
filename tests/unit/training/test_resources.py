"""CPUs and threads of workers: there is always room for reading data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.errors import ClusterError
from adcraft.training.resources import DATA_CPUS, Node, WorkerResources, worker_resources


def share(
    num_workers: int,
    cluster_cpus: float,
    node_cores: int,
    *,
    gpus: float = 0,
    use_gpu: bool = False,
    threads: int = 0,
    min_workers: int = 0,
) -> WorkerResources:
    """Of a cluster of equal nodes."""
    nodes = nodes_of(cluster_cpus, node_cores)
    return worker_resources(
        num_workers=num_workers,
        min_workers=min_workers,
        use_gpu=use_gpu,
        threads=threads,
        nodes=[Node(cluster_cpus / nodes, gpus)] * nodes,
        node_cores=node_cores,
    )


def nodes_of(cluster_cpus: float, node_cores: int) -> int:
    return max(1, round(cluster_cpus / node_cores)) if node_cores > 2 else 1


@pytest.mark.parametrize(
    ("num_workers", "cluster_cpus", "node_cores", "cpus", "threads"),
    [
        (1, 2, 2, 1.0, 2),  # a laptop of two cores: the one worker uses both
        (2, 2, 2, 0.75, 1),
        (1, 1, 1, 0.5, 1),
        (1, 16, 16, 1.0, 16),
        (4, 16, 16, 1.0, 4),
        (3, 16, 16, 1.0, 5),
        (4, 32, 16, 1.0, 8),  # two nodes
        (3, 32, 16, 1.0, 8),  # two on one of them
        (7, 4, 4, 0.5, 1),
        (1, 8, 2, 1.0, 2),  # more logical CPUs than cores, declared for room
        (2, 8, 2, 1.0, 1),
        (1, 64, 0, 1.0, 1),  # cores unknown
    ],
)
def test_what_each_worker_gets(
    num_workers: int, cluster_cpus: float, node_cores: int, cpus: float, threads: int
) -> None:
    assert share(num_workers, cluster_cpus, node_cores) == WorkerResources(cpus, 0.0, threads)


@given(st.integers(1, 200), st.floats(0, 300), st.integers(0, 128), st.integers(0, 8))
def test_workers_never_take_what_reading_data_needs(
    num_workers: int, cluster_cpus: float, node_cores: int, threads: int
) -> None:
    """Else Ray Data waits for a CPU and the workers wait for Ray Data, without a word."""
    try:
        resources = share(num_workers, cluster_cpus, node_cores, threads=threads)
    except ClusterError:
        node = cluster_cpus / nodes_of(cluster_cpus, node_cores)
        too_few = num_workers * DATA_CPUS + 2 * DATA_CPUS > cluster_cpus - 0.01 * num_workers
        assert too_few or int(node / DATA_CPUS) * nodes_of(cluster_cpus, node_cores) < num_workers
        return
    assert num_workers * resources.cpus + 2 * DATA_CPUS <= cluster_cpus + 1e-9
    assert DATA_CPUS <= resources.cpus <= 1
    assert resources.threads == threads or (threads == 0 and resources.threads >= 1)
    assert math.isclose(resources.cpus * 100, round(resources.cpus * 100))


def test_threads_that_were_asked_for_are_given() -> None:
    assert share(2, 16, 16, threads=3).threads == 3


def test_a_gpu_for_each_worker() -> None:
    assert share(2, 16, 16, gpus=4, use_gpu=True).gpus == 1.0
    with pytest.raises(
        ClusterError, match=r"^train\.num_workers = 3 with train\.use_gpu needs 3 GPUs; the cluster has 2\. "
    ):
        share(3, 16, 16, gpus=2, use_gpu=True)
    with pytest.raises(ClusterError, match=r"the cluster has 0\. .*set train\.use_gpu=false\.$"):
        share(1, 16, 16, use_gpu=True)


@pytest.mark.parametrize(("num_workers", "cluster_cpus"), [(1, 0.5), (1, 0), (7, 2), (2, 0.99)])
def test_a_cluster_that_is_too_small(num_workers: int, cluster_cpus: float) -> None:
    said = rf"^train\.num_workers = {num_workers} can't run on {cluster_cpus:g} logical CPUs of 1 node"
    with pytest.raises(ClusterError, match=said):
        share(num_workers, cluster_cpus, 2)


def test_workers_leave_room_on_every_node_that_could_remain() -> None:
    """One that a worker fills could read no data for it once the others are gone."""

    def on(node_cpus: list[float], workers: int, min_workers: int = 0) -> float:
        return worker_resources(
            num_workers=workers,
            min_workers=min_workers,
            use_gpu=False,
            threads=0,
            nodes=[Node(cpus) for cpus in node_cpus],
            node_cores=2,
        ).cpus

    assert on([1, 1], 1) == 0.75
    assert on([0, 1, 1], 1) == 0.75
    assert on([2, 2], 2, min_workers=1) == 0.87
    assert on([16, 1], 4) == 0.75
    assert on([4, 4], 2) == 1.0


@given(st.integers(1, 40), st.floats(1, 40), st.integers(1, 5))
def test_no_node_is_ever_full(workers: int, node: float, count: int) -> None:
    cpus = worker_resources(
        num_workers=workers,
        min_workers=1,
        use_gpu=False,
        threads=0,
        nodes=[Node(node)] * count,
        node_cores=2,
    ).cpus
    assert node - min(workers, int((node + 1e-6) / cpus)) * cpus >= DATA_CPUS - 0.011


def test_nodes_so_unlike_that_no_share_suits_all_are_used_all_the_same() -> None:
    assert share(3, 1.75, 0).cpus == 0.41


def test_fewer_workers_are_enough_where_they_may_come_and_go() -> None:
    with pytest.raises(ClusterError, match=r"^train\.num_workers = 4 can't run on 1 logical CPUs"):
        share(4, 1, 1)
    assert share(4, 1, 1, min_workers=1).cpus == 0.37
    with pytest.raises(ClusterError, match=r"^train\.min_workers = 3 can't run on 1 logical CPUs"):
        share(4, 1, 1, min_workers=3)


KINDS = st.builds(Node, st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 7.5]), st.sampled_from([0.0, 1.0, 4.0]))


@given(st.lists(KINDS, min_size=1, max_size=5), st.integers(1, 12), st.booleans())
def test_every_worker_finds_a_place_on_one_node(nodes: list[Node], workers: int, use_gpu: bool) -> None:
    """Five of 0.7 CPUs don't fit on two nodes of 2, however many CPUs there are in all: Ray would wait for
    ever, and say nothing.
    """
    try:
        found = worker_resources(num_workers=workers, use_gpu=use_gpu, threads=0, nodes=nodes, node_cores=2)
    except ClusterError:
        least = round(DATA_CPUS * 100)
        places = sum(node.places(least, use_gpu) for node in nodes)
        assert places < workers or sum(node.cpus for node in nodes) < DATA_CPUS * (workers + 2)
        return
    assert sum(node.places(round(found.cpus * 100), use_gpu) for node in nodes) >= workers


def test_a_gpu_without_cpus_beside_it_is_no_place() -> None:
    with pytest.raises(ClusterError, match=r"a GPU and at least 0\.25 of one node"):
        worker_resources(
            num_workers=1, use_gpu=True, threads=0, nodes=[Node(16), Node(0, gpus=1)], node_cores=2
        )
