"""How far a figure and a difference can be trusted: the paired bootstrap over products.

Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004. Products are
drawn with replacement, the same ones for every side, and each draw is scored as a whole. A metric here
is a function of statistics that add up over products (chrF: counts of n-grams), so all draws together
are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adcraft.decision.evaluation_record import Direction, Estimate

Floats = npt.NDArray[np.float64]

_CELLS_AT_ONCE = 8_000_000  # 64 MB of draws, and as much again as floats


@dataclass(frozen=True)
class Metric:
    """A figure of a corpus.

    Attributes:
        name: its key in records and settings.
        label: for people, with the unit.
        better: the direction that is; "" for what is only told.
        digits: shown after the point.
        score: from summed statistics ``(..., k)`` to the figure ``(...)``.
    """

    name: str
    label: str
    better: Direction
    digits: int
    score: Callable[[Floats], Floats]


@dataclass(frozen=True)
class Score:
    """A figure, and what it is in each resample: ``(resamples,)``."""

    value: float
    resampled: Floats


class PairedBootstrap:
    """The same draws of products for each side that is scored."""

    def __init__(self, products: Sequence[str], *, resamples: int, confidence: float, seed: int) -> None:
        """Group rows by product.

        Args:
            products: the key of each row's product; at least one.
            resamples: how often to draw.
            confidence: share of the resamples that an interval holds, 0 to 1.
            seed: of the draws.
        """
        keys, self._product = np.unique(np.asarray(products), return_inverse=True)
        self.products = len(keys)
        self._resamples = resamples
        self._confidence = confidence
        self._seed = seed

    def scores(self, metrics: Mapping[str, Metric], statistics: Mapping[str, Floats]) -> dict[str, Score]:
        """One side's scores.

        Args:
            metrics: by name.
            statistics: by the name of a metric, ``(rows, k)``.
        """
        sums = {name: self._by_product(rows) for name, rows in statistics.items()}
        drawn = self._drawn(np.concatenate(list(sums.values()), axis=1))
        scores, start = {}, 0
        for name, of_products in sums.items():
            stop = start + of_products.shape[1]
            score = metrics[name].score
            scores[name] = Score(float(score(of_products.sum(axis=0))), score(drawn[:, start:stop]))
            start = stop
        return scores

    def estimate(self, score: Score) -> Estimate:
        """The figure and the percentiles of its resamples that hold ``confidence`` of them."""
        tail = (1 - self._confidence) / 2
        low, high = np.quantile(score.resampled, [tail, 1 - tail])
        return Estimate(value=round(score.value, 6), low=round(float(low), 6), high=round(float(high), 6))

    def _by_product(self, rows: Floats) -> Floats:
        sums = np.zeros((self.products, rows.shape[1]))
        np.add.at(sums, self._product, rows)
        return sums

    def _drawn(self, statistics: Floats) -> Floats:
        """Sums over each draw: ``(products, k)`` to ``(resamples, k)``."""
        generator = np.random.default_rng(self._seed)
        chances = np.full(self.products, 1 / self.products)
        at_once = max(1, _CELLS_AT_ONCE // self.products)
        sums = np.empty((self._resamples, statistics.shape[1]))
        for start in range(0, self._resamples, at_once):
            stop = min(start + at_once, self._resamples)
            times = generator.multinomial(self.products, chances, size=stop - start)
            sums[start:stop] = times @ statistics
        return sums


def gain(metric: Metric, ours: Score, theirs: Score) -> Score:
    """How much better ours is, draw by draw; the plain difference where no direction is better."""
    sign = -1 if metric.better == "lower" else 1
    return Score(sign * (ours.value - theirs.value), sign * (ours.resampled - theirs.resampled))
