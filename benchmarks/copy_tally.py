"""What an audit of many texts came to: counts of each feed and asset, and the figures made of them."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from rich.console import Console
from rich.table import Table
from sacrebleu.metrics.chrf import CHRF

from adcraft.ad_copy.copywriting.ad import AssetCopy
from benchmarks.copy_audit import FAULTS
from benchmarks.report import Entry

Tallies = Mapping[tuple[str, str], "Tally"]
"""By feed, and by placement and asset."""

_CLAIMS = {
    "over_limit": "over a hard limit",
    "broken_word": "with a broken word",
    "misspelt": "with a misspelt brand or name",
    "number": "with a number that the record does not have",
}
_LIKENESS, _TEMPLATES = 0.6, 0.1


@dataclass
class Tally:
    """Counts of texts.

    Attributes:
        texts: given out.
        asked: of them of assets that the model is asked for: not paths and names of brands.
        templates: that a template stands in for.
        identical: that stood there before, for the same product and asset.
        faults: how many texts have each.
        likeness: of each product's texts, where it has several; see ``likeness``.
    """

    texts: int = 0
    asked: int = 0
    templates: int = 0
    identical: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    likeness: list[float] = field(default_factory=list)

    def add(self, copy: AssetCopy, *, asked: bool) -> None:
        """Count the texts of one asset of one product."""
        texts = [text.text for text in copy.texts]
        self.texts += len(texts)
        self.asked += len(texts) if asked else 0
        self.templates += sum(text.safe for text in copy.texts)
        self.identical += len(texts) - len(set(texts))
        if asked and len(texts) > 1:
            self.likeness.append(likeness(texts))

    def merge(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.texts + other.texts,
            self.asked + other.asked,
            self.templates + other.templates,
            self.identical + other.identical,
            self.faults + other.faults,
            self.likeness + other.likeness,
        )

    def row(self) -> dict[str, float | None]:
        """Its figures by name."""
        return {
            "texts": self.texts,
            "templates": self.templates / self.asked if self.asked else None,
            "likeness": statistics.fmean(self.likeness) if self.likeness else None,
            "identical": self.identical,
            **{fault: self.faults[fault] for fault in FAULTS},
        }


def likeness(texts: Sequence[str]) -> float:
    """Mean chrF of each text against each other one, 0 to 1. Needs two texts."""
    chrf = CHRF()
    scores = [chrf.sentence_score(one, [other]).score for one, other in permutations(texts, 2)]
    return statistics.fmean(scores) / 100


def rows(tallies: Tallies) -> list[dict[str, Any]]:
    """A row for each feed and asset."""
    return [{"feed": feed, "asset": asset, **tally.row()} for (feed, asset), tally in tallies.items()]


def print_rows(found: Sequence[Mapping[str, Any]]) -> None:
    """Print them as a table."""
    table = Table(title="texts of each asset", title_justify="left")
    for name in found[0]:
        table.add_column(name.replace("_", " "), justify="left" if name in {"feed", "asset"} else "right")
    for row in found:
        table.add_row(*map(_cell, row.values()))
    Console(width=None if os.isatty(1) else 160).print(table)


def entries(tallies: Tallies, invented: str) -> list[Entry]:
    """The figures, held against their goals.

    Args:
        tallies: of all feeds.
        invented: the feed that has a goal for templates.
    """
    of_feed: dict[str, Tally] = {}
    for (feed, _), tally in tallies.items():
        of_feed[feed] = of_feed.get(feed, Tally()).merge(tally)
    total = sum(tally.texts for tally in of_feed.values())
    found = [
        _none(f"texts {claim}, of {total:,}", {feed: tally.faults[fault] for feed, tally in of_feed.items()})
        for fault, claim in _CLAIMS.items()
    ]
    identical = {feed: tally.identical for feed, tally in of_feed.items()}
    found.append(_none("texts of one product and asset that are identical", identical))
    found += _shares(
        "mean likeness of a product's texts", "likeness", of_feed, dict.fromkeys(of_feed, _LIKENESS)
    )
    found += _shares("share of templates", "templates", of_feed, {invented: _TEMPLATES})
    return found


def _none(claim: str, counts: Mapping[str, int]) -> Entry:
    value = sum(counts.values())
    return Entry(claim, value, goal=0, met=value == 0, rounds=1, peers=counts)


def _shares(
    claim: str, name: str, of_feed: Mapping[str, Tally], goals: Mapping[str, float]
) -> Iterable[Entry]:
    for feed, tally in of_feed.items():
        value, goal = tally.row()[name], goals.get(feed)
        if value is not None:
            met = None if goal is None else value <= goal
            yield Entry(f"{claim}, {feed}", value, goal=goal, met=met, rounds=1)


def _cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
