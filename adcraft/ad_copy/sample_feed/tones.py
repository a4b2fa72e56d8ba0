"""How an ad can be said: the tones in ``tones/*.yaml``, and which of their sentences go together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from adcraft.ad_copy.sample_feed.catalogue import Facts
from adcraft.ad_copy.sample_feed.data_files import read_folder
from adcraft.ad_copy.sample_feed.draws import Draw, pick
from adcraft.ad_copy.sample_feed.english import Number, sentence_case
from adcraft.ad_copy.sample_feed.templates import Sentence, variants

MIN_CHARS, MAX_CHARS = 60, 158

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
_ATTEMPTS = 200


class ToneEntry(BaseModel):
    """One file of ``tones``. An ad is a hook and a lead, a lead and a close, or a lead alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    hooks: list[str] = Field(min_length=1)
    leads: list[str] = Field(min_length=1)
    closes: list[str] = Field(min_length=1)


@dataclass(frozen=True)
class Opening:
    """A first sentence and, template by template, the second sentences that can follow it."""

    text: str
    seconds: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Tone:
    """The first sentences of one tone for products of one number, template by template."""

    name: str
    hooks: tuple[tuple[Opening, ...], ...]
    leads: tuple[tuple[Opening, ...], ...]

    def write(self, facts: Facts, draw: Draw) -> str:
        """An ad of ``MIN_CHARS`` to ``MAX_CHARS`` characters.

        Args:
            facts: every field of ``templates.FACTS`` that ads use.
            draw: gives uniform numbers from 0 to below 1.

        Raises:
            ValueError: no sentence fits these facts: they are too long, or too short.
        """
        for _ in range(_ATTEMPTS):
            hooked = draw() < _HOOK_SHARE
            opening = pick(pick(self.hooks if hooked else self.leads, draw), draw)
            first = opening.text.format_map(facts)
            room = MAX_CHARS - len(first) - 1
            second = pick(pick(opening.seconds, draw), draw).format_map(facts)
            if len(second) <= room and len(first) + 1 + len(second) >= MIN_CHARS:
                return sentence_case(f"{first} {second}")
            if not hooked and MIN_CHARS <= len(first) <= MAX_CHARS:
                return sentence_case(first)
        raise ValueError(f"No {self.name} ad of {MIN_CHARS} to {MAX_CHARS} characters for {dict(facts)}.")


@functools.cache
def tones(number: Number) -> tuple[Tone, ...]:
    """Every tone, for products of this number, in the order of the files' names.

    Raises:
        pydantic.ValidationError: a file of ``tones`` is not as ``ToneEntry`` says.
        ValueError: a template has a field that no row fills in.
    """
    entries = read_folder("tones").items()
    return tuple(_tone(name, ToneEntry.model_validate(tree), number) for name, tree in entries)


def _tone(name: str, entry: ToneEntry, number: Number) -> Tone:
    hooks, leads, closes = (
        [variants(template, number) for template in templates]
        for templates in (entry.hooks, entry.leads, entry.closes)
    )
    return Tone(name, hooks=_openings(hooks, leads), leads=_openings(leads, closes))


_Groups = Sequence[Sequence[Sentence]]


def _openings(firsts: _Groups, seconds: _Groups) -> tuple[tuple[Opening, ...], ...]:
    groups = ([Opening(first.text, _after(first, seconds)) for first in group] for group in firsts)
    return tuple(tuple(opening for opening in group if opening.seconds) for group in groups)


def _after(first: Sentence, seconds: _Groups) -> tuple[tuple[str, ...], ...]:
    said = _topics(first)
    fitting = (tuple(s.text for s in group if not said & _topics(s)) for group in seconds)
    return tuple(group for group in fitting if group)


def _topics(sentence: Sentence) -> set[str]:
    return {topic for field in sentence.fields for topic in _TOPICS.get(field, ())}
