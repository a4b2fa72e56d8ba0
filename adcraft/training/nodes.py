"""The nodes that there are."""

from __future__ import annotations


def node_cpus() -> list[float]:
    """Logical CPUs of each node of the connected Ray that is alive."""
    import ray

    return [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
