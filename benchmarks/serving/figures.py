"""What rounds of measurements come to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.client import Outcome


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that ``share`` of them are not above (nearest rank).

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("There is no percentile of no values.")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True)
class Figures:
    """One side, with one number of callers, in one round. Latencies in ms."""

    per_second: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, outcome: Outcome) -> Figures:
        """Those of an outcome, which has answers."""
        return cls.of_latencies(outcome.latencies_ms, outcome.seconds)

    @classmethod
    def of_latencies(cls, latencies_ms: Sequence[float], seconds: float) -> Figures:
        """Those of latencies that were measured in ``seconds``."""
        p50, p95, p99 = (percentile(latencies_ms, share) for share in (0.5, 0.95, 0.99))
        return cls(len(latencies_ms) / seconds, p50, p95, p99)


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over the rounds."""
    return Figures(
        *(
            statistics.median(getattr(figures, name) for figures in rounds)
            for name in ("per_second", "p50", "p95", "p99")
        )
    )


def share_alike(texts: Mapping[int, str], expected: Mapping[int, str]) -> float:
    """The share of the requests in both whose texts are the same; 1 where there are none."""
    both = texts.keys() & expected.keys()
    return sum(texts[number] == expected[number] for number in both) / len(both) if both else 1.0
