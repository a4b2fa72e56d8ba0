"""``python -m cluster.local``: a local cluster until Ctrl-C, or until another terminal ends it.

python -m cluster.local [--nodes 2] [--num-cpus N] [--dashboard-port 8265] [--proxy auto|haproxy|default]
python -m cluster.local --show
python -m cluster.local --down
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import get_args

from adcraft import console
from adcraft.errors import ClusterError
from cluster import running
from cluster.ingress_proxy import Proxy
from cluster.local_cluster import local_cluster
from cluster.running import Running, state_file

NODES = 2


def main() -> int:
    """Run a cluster, show the one that runs, or end it."""
    parser = console.Parser(
        prog="python -m cluster.local",
        description="A Ray cluster of several nodes on 127.0.0.1, with token authentication, until Ctrl-C.",
    )
    parser.add_argument(
        "--nodes", type=int, default=NODES, metavar="N", help="beside the head; 0: it computes"
    )
    parser.add_argument(
        "--num-cpus", type=int, default=0, metavar="N", help="logical CPUs of all together; 0: the machine's"
    )
    parser.add_argument("--dashboard-port", type=int, default=8265, metavar="PORT", help="if it is free")
    parser.add_argument(
        "--proxy", choices=get_args(Proxy), default="auto", help="of what 'serve deploy' deploys on it"
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--show", action="store_true", help="say again how the one that runs is reached")
    other.add_argument("--down", action="store_true", help="end the one that runs, and nothing else")
    parsed = parser.parse_args()

    def body() -> None:
        if parsed.show:
            _show(_found())
        elif parsed.down:
            _down(_found())
        else:
            _run(parsed.nodes, parsed.num_cpus, parsed.dashboard_port, parsed.proxy)

    return console.run("cluster.local", "cluster", False, body)


def _found() -> Running:
    found = running.find(state_file())
    if found is None:
        raise ClusterError(
            f"No local cluster of yours runs ({state_file()} names none). Start one: make cluster"
        )
    return found


def _run(nodes: int, num_cpus: int, dashboard_port: int, proxy: Proxy) -> None:
    if (other := running.find(state_file())) is not None:
        raise ClusterError(
            f"A local cluster of yours runs already: process {other.pid}, dashboard {other.dashboard_url}. "
            "End it by 'make cluster-down', or use it: python -m cluster.local --show"
        )
    # Whoever reads that Ctrl-C ends it may press it before the next line runs.
    with local_cluster(nodes, num_cpus, dashboard_port, proxy) as cluster:
        head = cluster.head
        with (
            running.noted(state_file(), nodes, head.dashboard_url, head.token_file, head.access),
            contextlib.suppress(KeyboardInterrupt),
        ):
            beside = f" with {nodes} nodes beside the head" if nodes else ""
            print(f"Ray is up{beside}. In another terminal:\n")
            _say_how_to_use(head.access, head.dashboard_url, str(head.token_file))
            print("Ctrl-C ends it, and so does 'make cluster-down'.", flush=True)
            while not (ended := cluster.ended()):
                time.sleep(0.2)
            raise ClusterError(ended)


def _show(found: Running) -> None:
    _say_how_to_use(found.access, found.dashboard_url, found.token_file)


def _say_how_to_use(access: Mapping[str, str], dashboard_url: str, token_file: str) -> None:
    for name, value in access.items():
        print(f"  export {name}={value}")
    print("\n  ray job submit --working-dir . -- python -m ray_jobs prepare --set data.source=/feed.csv\n")
    print(f"Dashboard: {dashboard_url} (it asks for the token: cat {token_file})", flush=True)


def _down(found: Running) -> None:
    running.end(found)
    print(f"Ended the local cluster of process {found.pid}: a head, {found.nodes} nodes, and their jobs.")
