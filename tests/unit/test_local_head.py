"""What a local head refuses before it starts anything."""

from __future__ import annotations

import pytest

from adcraft.errors import ClusterError
from cluster.local import local_head


@pytest.mark.parametrize("port", [10_002, 18_265, 19_999])
def test_a_dashboard_among_the_ports_of_workers_is_refused(port: int) -> None:
    with (
        pytest.raises(ClusterError, match=f"Port {port} can't be the dashboard's: Ray keeps 10002 to 19999"),
        local_head(dashboard_port=port),
    ):
        pass
