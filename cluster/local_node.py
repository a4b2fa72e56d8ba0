"""One more node of a local cluster, in a process of its own: a raylet with its agents, on 127.0.0.1 alone.

    python -m cluster.local_node --address 127.0.0.1:PORT --number 1 --num-cpus N --share 0.5

is started by :mod:`cluster.local_cluster`, says ``up`` when the head knows the node, and ends with it. ``ray
start --address`` refuses what keeps Ray to the loopback address (decision 0008), so the node is made as Ray's
own tests make theirs.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.session import TOO_SLOW

if TYPE_CHECKING:
    from ray._private.node import Node

UP = "up"
_LEAST_STORE_BYTES = 100 * 2**20
_ATTEMPTS = 3


def main() -> int:
    """Run the node until one of its processes ends."""
    parser = argparse.ArgumentParser(prog="python -m cluster.local_node", description=__doc__)
    parser.add_argument("--address", required=True, metavar="HOST:PORT", help="of the head")
    parser.add_argument("--number", type=int, required=True, metavar="N", help="of the node")
    parser.add_argument("--num-cpus", type=int, required=True, metavar="N", help="logical CPUs")
    parser.add_argument("--share", type=float, default=1.0, help="of the memory that Ray gives to objects")
    parsed = parser.parse_args()

    node = _start(
        {
            "gcs_address": parsed.address,
            "num_cpus": parsed.num_cpus,
            "object_store_memory": _object_store_bytes(parsed.share),
            # Nodes share the head's folder, and each unpacks a job's files anew, wherever another one has
            # them: a process that had begun there would miss some.
            "runtime_env_dir_name": f"runtime_resources_{parsed.number}",
            # Any free port: the head has Ray's usual ones.
            "min_worker_port": 0,
            "max_worker_port": 0,
            "node_manager_port": 0,
            "include_log_monitor": False,  # the head's reads the logs of all
        }
    )
    print(UP, flush=True)
    while not (dead := node.dead_processes()):
        time.sleep(0.5)
    print("ended by itself:", ", ".join(str(kind) for kind, _ in dead), flush=True)
    return 1


def _start(parameters: Mapping[str, Any]) -> Node:
    """Start the node; again where it was not up in the time that Ray gives it, as on a busy machine."""
    import psutil
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return Node(RayParams(**parameters), head=False, shutdown_at_exit=True, spawn_reaper=True)
        except Exception as error:  # Ray raises just that
            if attempt == _ATTEMPTS or TOO_SLOW not in str(error):
                raise
            for left in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    left.kill()
    raise AssertionError


def _object_store_bytes(share: float) -> int:
    """This node's part of what Ray would give one node that has the machine to itself."""
    import psutil
    from ray._private.utils import resolve_object_store_memory

    whole = resolve_object_store_memory(psutil.virtual_memory().available)
    return max(_LEAST_STORE_BYTES, int(whole * share))


if __name__ == "__main__":
    sys.exit(main())
