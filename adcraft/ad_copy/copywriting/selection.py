"""Which candidates are taken: the best, each unlike those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adcraft.ad_copy.copywriting.ranking import Ranked

_GRAM = 3
_ALIKE = 0.6
"""Share of character trigrams from which two texts are near-duplicates."""


@dataclass(frozen=True)
class Candidate:
    """A text that can be published, and the parts of its score."""

    text: str
    ranked: Ranked


def select(candidates: Sequence[Candidate], wanted: int) -> list[Candidate]:
    """At most ``wanted`` of them, best first, no two of them alike: maximal marginal relevance (Carbonell and
    Goldstein, SIGIR 1998), with the weight of diversity that ``ranking`` gives it.
    """
    left = {id(one): (one, grams(one.text), 0.0) for one in candidates}
    chosen: list[Candidate] = []
    while left and len(chosen) < wanted:
        best, shape, likeness = max(left.values(), key=lambda each: _score(each[0], each[2]))
        chosen.append(Candidate(best.text, replace(best.ranked, diversity=1 - likeness)))
        del left[id(best)]
        others = [(one, its, max(most, similarity(its, shape))) for one, its, most in left.values()]
        left = {id(one): (one, its, most) for one, its, most in others if most < _ALIKE}
    return chosen


def grams(text: str) -> frozenset[str]:
    """Character trigrams of the lower-cased text, its ends marked."""
    padded = f"^{text.casefold()}$"
    return frozenset(padded[start : start + _GRAM] for start in range(max(1, len(padded) - _GRAM + 1)))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient of two texts' trigrams, from 0 to 1."""
    return 2 * len(one & other) / (len(one) + len(other))


def _score(candidate: Candidate, likeness: float) -> float:
    return replace(candidate.ranked, diversity=1 - likeness).score
