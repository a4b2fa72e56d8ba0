"""What a local head or cluster refuses before it starts anything."""

from __future__ import annotations

import pytest

from adcraft.errors import ClusterError, SettingsError
from cluster.local import local_head
from cluster.local_cluster import local_cluster, shares


@pytest.mark.parametrize("port", [10_002, 18_265, 19_999])
def test_a_dashboard_among_the_ports_of_workers_is_refused(port: int) -> None:
    with (
        pytest.raises(ClusterError, match=f"Port {port} can't be the dashboard's: Ray keeps 10002 to 19999"),
        local_head(dashboard_port=port),
    ):
        pass


@pytest.mark.parametrize(
    ("cpus", "nodes", "expected"), [(2, 2, [1, 1]), (8, 3, [3, 3, 2]), (1, 2, [1, 1]), (5, 1, [5])]
)
def test_cpus_are_shared_out(cpus: int, nodes: int, expected: list[int]) -> None:
    assert shares(cpus, nodes) == expected


@pytest.mark.parametrize(("nodes", "num_cpus"), [(-1, 0), (2, -4)])
def test_numbers_that_make_no_cluster_are_refused(nodes: int, num_cpus: int) -> None:
    with (
        pytest.raises(SettingsError, match=f"--nodes is {nodes} and --num-cpus {num_cpus}"),
        local_cluster(nodes, num_cpus),
    ):
        pass
