"""The nodes that there are."""

from __future__ import annotations

from adcraft.training.resources import Node


def alive_nodes() -> list[Node]:
    """Those of the connected Ray."""
    import ray

    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(of.get("CPU", 0.0), of.get("GPU", 0.0)) for of in resources]
