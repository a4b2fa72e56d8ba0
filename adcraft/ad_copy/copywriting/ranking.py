"""How good a text is, in parts that have names and weights: a click model may become one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.placements import Placement

WEIGHTS: Mapping[str, float] = {
    "likelihood": 0.25,
    "diversity": 0.25,
    "grounding": 0.2,
    "fit": 0.2,
    "readability": 0.1,
}
_EASY_LETTERS, _HARD_LETTERS = 6.0, 12.0
_EASY_WORDS, _HARD_WORDS = 14.0, 40.0
_TELLING = 4
"""Letters of a word that says something."""


@dataclass(frozen=True)
class Ranked:
    """The parts of a text's score, each from 0 to 1.

    Attributes:
        likelihood: of the text by the model's own reckoning.
        grounding: share of its telling words that stand in the record.
        readability: 1 for short words and sentences.
        fit: how well its length uses the asset's room.
        diversity: how little it resembles the texts that are ranked above it.
    """

    likelihood: float
    grounding: float
    readability: float
    fit: float
    diversity: float = 1.0

    @property
    def score(self) -> float:
        """The weighted mean."""
        return float(sum(weight * getattr(self, part) for part, weight in WEIGHTS.items()))


def rank(text: str, model_score: float, facts: Facts, placement: Placement, asset: str) -> Ranked:
    """The parts that a text has by itself.

    Args:
        text: to be ranked.
        model_score: log-probability a token; see :class:`~adcraft.inference.engine.Hypothesis`.
        facts: of the product.
        placement: where it is published.
        asset: of the placement.
    """
    return Ranked(
        likelihood=math.exp(min(0.0, model_score)),
        grounding=_grounding(text, facts),
        readability=_readability(text),
        fit=_fit(text, placement, asset),
    )


def _grounding(text: str, facts: Facts) -> float:
    words = [word.group() for word in fold(text).words if len(word.group()) >= _TELLING]
    return sum(map(facts.says, words)) / len(words) if words else 1.0


def _readability(text: str) -> float:
    words = text.split()
    if not words:
        return 0.0
    sentences = max(1, sum(word[-1] in ".!?…" for word in words))
    letters = sum(map(len, words)) / len(words)
    return min(
        _between(letters, _EASY_LETTERS, _HARD_LETTERS),
        _between(len(words) / sentences, _EASY_WORDS, _HARD_WORDS),
    )


def _between(value: float, easy: float, hard: float) -> float:
    return min(1.0, max(0.0, (hard - value) / (hard - easy)))


def _fit(text: str, placement: Placement, asset: str) -> float:
    """1 from half of the room to all of it; what is shown cut off does not fit at all."""
    limits = placement.assets[asset]
    room = limits.soft or limits.hard
    if not room:
        return 1.0
    return min(1.0, 2 * placement.length(text) / room) if placement.is_shown_whole(asset, text) else 0.0
