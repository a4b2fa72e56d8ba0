"""How long a text may be, and the search for one that is: a text that does not fit is never cut."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

_ATTEMPTS = 400


@dataclass(frozen=True)
class Length:
    """From ``least`` to ``most`` characters."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least} to {self.most} characters"

    def first(self, candidates: Iterable[str], attempts: int = _ATTEMPTS) -> str | None:
        """The first that fits of so many candidates, or None."""
        least, most = self.least, self.most
        for text in itertools.islice(candidates, attempts):
            if least <= len(text) <= most:
                return text
        return None

    @functools.cached_property
    def thirds(self) -> tuple[Length, Length, Length]:
        """The short, the middling and the long texts of this length."""
        step = (self.most - self.least + 1) // 3
        low, high = self.least + step, self.most - step
        return Length(self.least, low - 1), Length(low, high), Length(high + 1, self.most)
