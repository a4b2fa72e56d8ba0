"""How a product can be advertised: the tones in ``tones/*.yaml``, and which of their sentences pair."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from adcraft.ad_copy.data_files import read_folder
from adcraft.ad_copy.fields import Kind
from adcraft.ad_copy.phrasing.assets import AD_DESCRIPTION, HEADLINE, SUBJECT, Asset, AssetEntry, asset
from adcraft.ad_copy.phrasing.draws import Draw, pick
from adcraft.ad_copy.phrasing.english import Number, sentence_case
from adcraft.ad_copy.phrasing.lengths import Length
from adcraft.ad_copy.phrasing.templates import FACTS, Facts, Sentence, variants

AD = Length(60, 158)

# What one ad says only once. A title may hold the figure and the look, so it stands for both.
_TOPICS = {
    **dict.fromkeys(("brand", "brands"), ("brand",)),
    **dict.fromkeys(("price",), ("price",)),
    **dict.fromkeys(("title",), ("figure", "look")),
    **dict.fromkeys(("size", "figure", "figure_name"), ("figure",)),
    **dict.fromkeys(("look_noun", "a_look_noun"), ("look",)),
    **dict.fromkeys(("use1", "use2"), ("use",)),
    **dict.fromkeys(("f1", "f1_bare", "f1_does", "does1", "do1"), ("first feature",)),
    **dict.fromkeys(("f2", "f2_bare", "f2_does", "does2", "do2"), ("second feature",)),
}
_HOOK_SHARE = 0.2


class ToneEntry(BaseModel):
    """One file of ``tones``. An ad is a hook and a lead, a lead and a close, or a lead alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    hooks: list[str] = Field(min_length=1)
    leads: list[str] = Field(min_length=1)
    closes: list[str] = Field(min_length=1)
    headlines: AssetEntry
    descriptions: AssetEntry
    subjects: AssetEntry


@dataclass(frozen=True)
class Opening:
    """A first sentence and, template by template, the second sentences that can follow it."""

    text: str
    seconds: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Tone:
    """One tone for products of one number: the first sentences of its ads, template by template, and its
    shorter texts.
    """

    name: str
    hooks: tuple[tuple[Opening, ...], ...]
    leads: tuple[tuple[Opening, ...], ...]
    headlines: Asset
    descriptions: Asset
    subjects: Asset

    def write(self, facts: Facts, draw: Draw) -> str:
        """An ad of the length ``AD``.

        Args:
            facts: every field of ``templates.FACTS`` that ads use.
            draw: gives uniform numbers from 0 to below 1.

        Raises:
            ValueError: no sentence fits these facts: they are too long, or too short.
        """
        text = self.find("body", facts, draw)
        if text is None:
            raise ValueError(f"No {self.name} ad of {AD} for {dict(facts)}.")
        return text

    def find(self, kind: Kind, facts: Facts, draw: Draw) -> str | None:
        """A text of the kind, a body being an ad; None where no sentence fits."""
        if kind != "body":
            assets = {"headline": self.headlines, "description": self.descriptions, "subject": self.subjects}
            return assets[kind].find(facts, draw)
        text = AD.first(self._candidates(facts, draw)) if self.leads else None
        return text and sentence_case(text)

    def _candidates(self, facts: Facts, draw: Draw) -> Iterator[str]:
        while True:
            hooked = draw() < _HOOK_SHARE and bool(self.hooks)
            opening = pick(pick(self.hooks if hooked else self.leads, draw), draw)
            first = opening.text.format_map(facts)
            yield f"{first} {pick(pick(opening.seconds, draw), draw).format_map(facts)}"
            if not hooked:
                yield first


@functools.cache
def tones(
    number: Number, known: frozenset[str] = FACTS, about: frozenset[str] = frozenset()
) -> tuple[Tone, ...]:
    """Every tone, for products of this number, in the order of the files' names.

    Args:
        number: of the product.
        known: fields of ``templates.FACTS`` that can be filled in; sentences with others are left out.
            about: fields of which each short text has to have one, where not empty.

    Raises:
        pydantic.ValidationError: a file of ``tones`` is not as ``ToneEntry`` says.
        ValueError: a template has a field that no row fills in.
    """
    return tuple(_tone(name, entry, number, known, about) for name, entry in _entries().items())


def tone_names() -> tuple[str, ...]:
    """Of all tones, in the order of the files' names."""
    return tuple(_entries())


@functools.cache
def _entries() -> dict[str, ToneEntry]:
    files = read_folder("adcraft.ad_copy.phrasing", "tones")
    return {name: ToneEntry.model_validate(tree) for name, tree in files.items()}


def _tone(name: str, entry: ToneEntry, number: Number, known: frozenset[str], about: frozenset[str]) -> Tone:
    hooks, leads, closes = (
        [group for template in templates if (group := _of_known(template, number, known))]
        for templates in (entry.hooks, entry.leads, entry.closes)
    )
    return Tone(
        name,
        hooks=_openings(hooks, leads),
        leads=_openings(leads, closes),
        headlines=asset(name, HEADLINE, entry.headlines, number, known, about),
        descriptions=asset(name, AD_DESCRIPTION, entry.descriptions, number, known, about),
        subjects=asset(name, SUBJECT, entry.subjects, number, known, about),
    )


_Groups = Sequence[Sequence[Sentence]]


def _of_known(template: str, number: Number, known: frozenset[str]) -> tuple[Sentence, ...]:
    return tuple(sentence for sentence in variants(template, number) if sentence.fields <= known)


def _openings(firsts: _Groups, seconds: _Groups) -> tuple[tuple[Opening, ...], ...]:
    groups = ([Opening(first.text, _after(first, seconds)) for first in group] for group in firsts)
    paired = (tuple(opening for opening in group if opening.seconds) for group in groups)
    return tuple(group for group in paired if group)


def _after(first: Sentence, seconds: _Groups) -> tuple[tuple[str, ...], ...]:
    said = _topics(first)
    fitting = (tuple(s.text for s in group if not said & _topics(s)) for group in seconds)
    return tuple(group for group in fitting if group)


def _topics(sentence: Sentence) -> set[str]:
    return {topic for field in sentence.fields for topic in _TOPICS.get(field, ())}
