"""A head and further nodes on this machine: what 'make cluster' starts.

The head computes nothing, as on KubeRay; the machine's CPUs are shared out to the others.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adcraft.errors import ClusterError, SettingsError
from cluster.ingress_proxy import Proxy
from cluster.leash import Leash
from cluster.local import LocalHead, local_head
from cluster.local_node import UP

_NODE_S = 150
ONE_PORT = {"SERVE_SOCKET_REUSE_PORT_ENABLED": "1"}
"""By this, the proxies of all nodes share Serve's one port on this machine, where they take requests in."""


@dataclass(frozen=True)
class LocalCluster:
    """A running cluster.

    Attributes:
        head: to be asked.
        nodes: the processes of each further node.
    """

    head: LocalHead
    nodes: tuple[Leash, ...]

    def pull(self) -> None:
        """Begin to end all processes, so that none waits for another's end."""
        for leash in (*self.nodes, self.head.leash):
            leash.pull()

    def ended(self) -> str:
        """Which part has ended by itself, and its last words; "" while none has."""
        parts = {"Ray's head": self.head.leash}
        parts |= {f"Node {number}": leash for number, leash in enumerate(self.nodes, start=1)}
        for name, leash in parts.items():
            if leash.poll() is not None:
                return f"{name} ended by itself: {leash.last_words()}"
        return ""


def shares(cpus: int, nodes: int) -> list[int]:
    """Logical CPUs of each node: as many in all as ``cpus``, but one for each at least."""
    fewest, more = divmod(cpus, nodes)
    return [max(1, fewest + (number < more)) for number in range(nodes)]


@contextlib.contextmanager
def local_cluster(
    nodes: int,
    num_cpus: int = 0,
    dashboard_port: int = 0,
    proxy: Proxy = "auto",
    *,
    variables: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[LocalCluster]:
    """Start it; on the way out, end exactly its processes and remove its folder.

    Args:
        nodes: beside the head; with none, the head computes.
        num_cpus: logical CPUs of all nodes together; 0 means the machine's.
        dashboard_port, proxy, variables, options: see :func:`cluster.local.local_head`.

    Raises:
        SettingsError: there can't be so many nodes.
        ClusterError: it does not start.
    """
    if nodes < 0 or num_cpus < 0:
        raise SettingsError(f"--nodes is {nodes} and --num-cpus {num_cpus}; neither can be below 0.")
    cpus = shares(num_cpus or len(os.sched_getaffinity(0)), nodes) if nodes else []
    own = 0 if nodes else num_cpus
    if nodes:
        options = ("--num-cpus=0", *options)
        variables = {**ONE_PORT, **(variables or {})}
    with (
        local_head(own, dashboard_port, proxy, variables=variables, options=options) as head,
        contextlib.ExitStack() as running,
    ):
        nodes_up: list[Leash] = []
        for number, share in enumerate(cpus, start=1):  # together, none of them might be up in time
            leash = running.enter_context(_start_node(head, number, share, nodes))
            _wait(leash, number)
            nodes_up.append(leash)
        cluster = LocalCluster(head, tuple(nodes_up))
        running.callback(cluster.pull)
        yield cluster


def _start_node(head: LocalHead, number: int, num_cpus: int, nodes: int) -> Leash:
    command = [
        sys.executable, "-m", "cluster.local_node", "--address", head.address,
        "--number", str(number), "--num-cpus", str(num_cpus), "--share", str(1 / nodes),
    ]  # fmt: skip
    log = head.token_file.parent / f"node-{number}.log"
    return Leash(command, environment=head.node_environment, log=log)


def _wait(leash: Leash, number: int) -> None:
    deadline = time.monotonic() + _NODE_S
    while UP not in leash.output():
        if leash.poll() is not None:
            raise ClusterError(f"Node {number} of the local cluster did not start: {leash.last_words()}")
        if time.monotonic() > deadline:
            raise ClusterError(
                f"Node {number} of the local cluster was not ready after {_NODE_S} s: {leash.last_words()}"
            )
        time.sleep(0.1)
