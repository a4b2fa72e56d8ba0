"""All that was measured, by side, callers and round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.serving.figures import Figures, medians


@dataclass
class Results:
    """What the rounds put in, and the entries are made from.

    Attributes:
        figures: by side and callers, one for each round.
        scalars: other figures by name, likewise.
        texts: by side, of each request by its number.
        cpu_ms: CPU milliseconds of a request by side and the role of a process, one for each round.
    """

    figures: dict[tuple[str, int], list[Figures]] = field(default_factory=lambda: defaultdict(list))
    scalars: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    cpu_ms: dict[str, list[Mapping[str, float]]] = field(default_factory=lambda: defaultdict(list))

    def median(self, side: str, callers: int) -> Figures | None:
        """The medians of a side with so many callers; None where that was not measured."""
        rounds = self.figures.get((side, callers))
        return medians(rounds) if rounds else None

    def best(self, side: str) -> float | None:
        """The requests a second of a side with its best number of callers."""
        rates = [medians(rounds).per_second for (name, _), rounds in self.figures.items() if name == side]
        return max(rates, default=None)

    def details(self) -> dict[str, Any]:
        """For the report's file."""
        return {
            "figures": [
                {"side": side, "callers": callers, "rounds": [asdict(each) for each in rounds]}
                for (side, callers), rounds in self.figures.items()
            ],
            "scalars": dict(self.scalars),
            "cpu_ms_per_request": {side: [dict(each) for each in all_] for side, all_ in self.cpu_ms.items()},
        }
