"""The nodes that there are, and how many workers find a place on each."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE = 100
"""A logical CPU in hundredths: sums of shares must not fail by a rounding."""


@dataclass(frozen=True)
class Node:
    """What a node has.

    Attributes:
        cpus: logical CPUs.
        gpus: GPUs.
    """

    cpus: float
    gpus: float = 0.0

    @property
    def hundredths(self) -> int:
        """Its CPUs, in hundredths, rounded down."""
        return int(self.cpus * WHOLE + 1e-6)

    def places(self, share: int, use_gpu: bool, taken: int = 0) -> int:
        """Workers that it has room for.

        Args:
            share: of a CPU that each takes, in hundredths.
            use_gpu: whether each takes a GPU, too.
            taken: hundredths of CPUs that others hold.
        """
        places = max(0, self.hundredths - taken) // share
        return min(places, int(self.gpus)) if use_gpu else places


def alive_nodes() -> list[Node]:
    """Those of the connected Ray."""
    import ray

    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(of.get("CPU", 0.0), of.get("GPU", 0.0)) for of in resources]
