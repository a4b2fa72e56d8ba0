"""How many trials at a time: whatever is placed wherever, nothing waits for ever."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from adcraft.errors import ClusterError
from adcraft.training.resources import DATA_CPUS, Node
from tuning.concurrency import DRIVER_CPUS, Concurrency, plan_concurrency


def plan(workers: int, trials: int, *nodes: float, gpus: float = 0) -> Concurrency:
    """With ``gpus`` on each of the nodes."""
    return plan_concurrency(
        workers=workers,
        trials=trials,
        nodes=[Node(cpus, gpus) for cpus in nodes],
        use_gpu=gpus > 0,
        threads=0,
        node_cores=2,
    )


NODES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 7.5, 16.0]), min_size=1, max_size=6)


@given(NODES, st.integers(1, 6), st.integers(1, 20), st.integers())
def test_any_order_of_starts_fits(nodes: list[float], workers: int, trials: int, seed: int) -> None:
    """Drivers and workers are put on any node with room, in any order: all find room, and so does, at any
    time, a task that reads data; and a whole CPU is free before the last trial's workers start.
    """
    try:
        found = plan(workers, trials, *nodes)
    except ClusterError:
        reject()
    generator = random.Random(seed)
    share = round(found.resources.cpus * 100)
    free = [round(node * 100) for node in nodes]
    items = [10] * found.trials + [share] * ((found.trials - 1) * workers)
    generator.shuffle(items)
    assert max(free) >= 100
    for item in items:
        room = [index for index, cpus in enumerate(free) if cpus >= item]
        assert room
        free[generator.choice(room)] -= item
    assert max(free) >= 100
    for _ in range(workers):
        room = [index for index, cpus in enumerate(free) if cpus >= share]
        assert room
        free[generator.choice(room)] -= share
    assert max(free) >= 100 * DATA_CPUS


@given(NODES, st.integers(1, 6), st.integers(1, 20))
def test_the_whole_is_never_more_than_there_is(nodes: list[float], workers: int, trials: int) -> None:
    try:
        found = plan(workers, trials, *nodes)
    except ClusterError:
        return
    assert 1 <= found.trials <= trials
    assert DATA_CPUS <= found.resources.cpus <= 1
    used = found.trials * (workers * found.resources.cpus + DRIVER_CPUS) + DATA_CPUS
    assert used <= sum(nodes) + 1e-9


@pytest.mark.parametrize(
    ("workers", "trials", "nodes", "at_a_time", "threads"),
    [
        (1, 12, [2.0], 2, 1),
        (1, 1, [2.0], 1, 2),
        (2, 12, [2.0], 1, 1),
        (1, 12, [16.0], 12, 1),
        (4, 12, [16.0], 4, 1),
        (2, 12, [4.0, 4.0], 4, 1),
    ],
)
def test_as_many_as_there_are_cpus_for_their_workers(
    workers: int, trials: int, nodes: list[float], at_a_time: int, threads: int
) -> None:
    found = plan(workers, trials, *nodes)
    assert (found.trials, found.resources.threads) == (at_a_time, threads)


def test_gpus_limit_too() -> None:
    assert plan(2, 12, 64.0, gpus=8).trials == 4
    with pytest.raises(ClusterError, match="needs 4 GPUs; the cluster has 2"):
        plan(4, 12, 64.0, gpus=2)
    with pytest.raises(ClusterError, match="needs 2 GPUs; the cluster has 0"):
        plan_concurrency(workers=2, trials=1, nodes=[Node(64)], use_gpu=True, threads=0, node_cores=2)


def test_a_worker_takes_gpu_and_cpus_of_one_node() -> None:
    """On the node with GPUs there are 4 CPUs for 8 workers; those of the other one can't help."""

    def on(*nodes: Node, workers: int = 1) -> Concurrency:
        return plan_concurrency(
            workers=workers, trials=8, nodes=nodes, use_gpu=True, threads=0, node_cores=16
        )

    found = on(Node(4, gpus=8), Node(64))
    assert found.trials * found.resources.cpus <= 4
    assert Node(4, gpus=8).places(round(found.resources.cpus * 100), True) >= found.trials
    with pytest.raises(ClusterError, match=r"a GPU and at least 0\.25 of one node"):
        on(Node(1, gpus=8), Node(64), workers=8)
    assert "1 GPUs that are left" in on(Node(4, 2), Node(4, 2), workers=2).shortage([Node(8, 1)])


@pytest.mark.parametrize(("workers", "nodes"), [(64, [8.0]), (1, [1.0]), (1, [0.5, 0.5]), (1, [])])
def test_more_than_the_cluster_can_ever_give_is_refused(workers: int, nodes: list[float]) -> None:
    with pytest.raises(
        ClusterError, match=f"train.num_workers = {workers} can never run on the {len(nodes)} node"
    ):
        plan(workers, 12, *nodes)


def test_lost_nodes_are_told_where_no_trial_can_do_without() -> None:
    found = plan(1, 2, 2.0, 2.0)
    assert found.shortage([Node(2), Node(2)]) == ""
    assert found.shortage([Node(2)]) == ""
    words = found.shortage([Node(1)])
    assert "the 1 node(s) with 1 logical CPUs that are left" in words
    assert "1 worker(s) of 1, 0.1 for its driver" in words
    assert "0 node(s)" in found.shortage([])


@given(NODES, st.integers(1, 6), st.integers(1, 20))
def test_on_all_nodes_there_is_no_shortage(nodes: list[float], workers: int, trials: int) -> None:
    try:
        found = plan(workers, trials, *nodes)
    except ClusterError:
        reject()
    assert found.shortage([Node(cpus) for cpus in nodes]) == ""
