"""The learning rate over a run whose end is a number of epochs or of minutes, whichever is nearer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """When a run ends.

    Attributes:
        epochs: at most so many passes over the data.
        seconds: at most so long; 0 for no limit.
        rows: rows of one pass.
    """

    epochs: int
    seconds: float
    rows: int

    def progress(self, rows_seen: int, elapsed_s: float) -> float:
        """How much of the run is over, from 0 to 1; the nearer end counts."""
        by_rows = rows_seen / max(1, self.rows * self.epochs)
        by_time = elapsed_s / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_rows, by_time))


def learning_rate(progress: float, *, peak: float, warmup: float) -> float:
    """Linear warm-up over the fraction ``warmup`` of the run, then linear decay to nothing."""
    if progress < warmup:
        return peak * max(progress / warmup, 1e-3)
    return peak * (1 - progress) / (1 - warmup)
