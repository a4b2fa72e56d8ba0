"""Search algorithms: the values of the next trial.

None of them keeps anything on disk. A sweep that goes on tells them again what was tried and reached.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from tuning.space import Scalar, Space, Values, draw, grid

_DRAWS = 1000
"""Values that are not allowed together, or were tried, are drawn again so often."""

Usable = Callable[[Values], bool]
"""Whether a trial with these values can be run, and none was yet."""


class Search(Protocol):
    """Proposes values. Trials have numbers from 0."""

    def propose(self, number: int, usable: Usable) -> Values | None:
        """Values of trial ``number``; None if there are no more that are usable."""

    def recall(self, number: int, values: Values) -> None:
        """Take note of a trial that an earlier attempt of the sweep proposed."""

    def report(self, number: int, epoch: int, score: float) -> None:
        """Take note of an epoch of a trial; less is better."""

    def end(self, number: int, status: str) -> None:
        """Take note that a trial is over: FINISHED, KILLED or FAILED; "" that it goes on after all."""


class RandomSource:
    """Draws by a generator of random numbers."""

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator

    def real(self, key: str, low: float, high: float, *, log: bool) -> float:
        """See :class:`tuning.space.Source`."""
        if log:
            return math.exp(self._generator.uniform(math.log(low), math.log(high)))
        return self._generator.uniform(low, high)

    def integer(self, key: str, low: int, high: int) -> int:
        """See :class:`tuning.space.Source`."""
        return self._generator.randint(low, high)

    def choice(self, key: str, options: Sequence[Scalar]) -> Scalar:
        """See :class:`tuning.space.Source`."""
        return self._generator.choice(options)


class _Memoryless:
    """A search that does not look at results."""

    def recall(self, number: int, values: Values) -> None:
        """Nothing to note."""

    def report(self, number: int, epoch: int, score: float) -> None:
        """Nothing to note."""

    def end(self, number: int, status: str) -> None:
        """Nothing to note."""


class RandomSearch(_Memoryless):
    """Independent draws (Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", 2012).
    A trial's values depend on its number and the seed alone, so they are the same in whatever order
    trials end.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def propose(self, number: int, usable: Usable) -> Values | None:
        """See :class:`Search`."""
        source = RandomSource(random.Random(f"{self._seed}/{number}"))
        for _ in range(_DRAWS):
            if usable(values := draw(self._space, source)):
                return values
        return None


class GridSearch(_Memoryless):
    """Every point of a grid, once."""

    def __init__(self, space: Space) -> None:
        self._points = grid(space)

    def propose(self, number: int, usable: Usable) -> Values | None:
        """See :class:`Search`."""
        return next((values for values in self._points if usable(values)), None)


def make_search(algorithm: str, space: Space, seed: int) -> Search:
    """The search algorithm of that name."""
    if algorithm == "grid":
        return GridSearch(space)
    if algorithm == "tpe":
        from tuning.tpe import TpeSearch

        return TpeSearch(space, seed)
    return RandomSearch(space, seed)
