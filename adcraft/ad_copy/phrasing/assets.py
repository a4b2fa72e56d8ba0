"""The short texts beside the ad: a headline, a description for an ad, an email's subject.

Each is written as what it is, so that a model learns texts of different lengths and never a cut one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from adcraft.ad_copy.phrasing.draws import Draw, pick
from adcraft.ad_copy.phrasing.english import Number, headline_case, sentence_case
from adcraft.ad_copy.phrasing.lengths import Length
from adcraft.ad_copy.phrasing.templates import FACTS, Facts, variants

_ASKING_SHARE = 1 / 3
# How often a text of the drawn third is looked for, before one of any allowed length will do.
_ATTEMPTS_AT_THIRD = 8


class AssetEntry(BaseModel):
    """The templates of one kind of text in a file of ``tones``.

    ``asking`` ones call to action: a sentence or clause of each begins with a verb that asks the reader
    to act. ``telling`` ones have none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    asking: list[str] = Field(min_length=1)
    telling: list[str] = Field(min_length=1)


@dataclass(frozen=True)
class Style:
    """What all texts of one kind have in common: length, capitals, and the stop at the end, if any."""

    name: str
    length: Length
    case: Callable[[str], str]
    stop: str


HEADLINE = Style("headline", Length(10, 30), headline_case, stop="")
AD_DESCRIPTION = Style("description", Length(40, 90), sentence_case, stop=".")
SUBJECT = Style("subject", Length(18, 60), sentence_case, stop="")


@dataclass(frozen=True)
class Asset:
    """The texts of one kind in one tone, for products of one number: every sentence of its templates, so
    that one with more alternatives is drawn more often.
    """

    tone: str
    style: Style
    asking: Sequence[str]
    telling: Sequence[str]

    def write(self, facts: Facts, draw: Draw) -> str:
        """A text of the style's length, as often short as middling or long where the facts allow it.

        Args:
            facts: every field of ``templates.FACTS``.
            draw: gives uniform numbers from 0 to below 1.

        Raises:
            ValueError: no sentence fits these facts: they are too long, or too short.
        """
        text = self.find(facts, draw)
        if text is None:
            raise ValueError(f"No {self.tone} {self.style.name} of {self.style.length} for {dict(facts)}.")
        return text

    def find(self, facts: Facts, draw: Draw) -> str | None:
        """Likewise; None where no sentence fits."""
        length = self.style.length
        sentences = self.asking if draw() < _ASKING_SHARE else self.telling
        if not sentences:
            return None
        candidates = _candidates(sentences, facts, draw)
        third = pick(length.thirds, draw)
        text = third.first(candidates, _ATTEMPTS_AT_THIRD) or length.first(candidates)
        return text and self.style.case(text)


def asset(
    tone: str,
    style: Style,
    entry: AssetEntry,
    number: Number,
    known: frozenset[str] = FACTS,
    about: frozenset[str] = frozenset(),
) -> Asset:
    """What ``entry`` says, ready to write for products of this number; ``known`` and ``about`` as ``tones``
    has them.

    Raises:
        ValueError: a template has a field that no row fills in.
    """

    def sentences(templates: list[str]) -> Sequence[str]:
        return tuple(
            sentence.text
            for template in templates
            for sentence in variants(template, number, style.stop)
            if sentence.fields <= known and (not about or sentence.fields & about)
        )

    return Asset(tone, style, asking=sentences(entry.asking), telling=sentences(entry.telling))


def _candidates(sentences: Sequence[str], facts: Facts, draw: Draw) -> Iterator[str]:
    while True:
        yield pick(sentences, draw).format_map(facts)
