"""Sentence templates: alternatives expanded, verbs made to agree, the rest a plain format string.

A template is a sentence such as ``{this} {brand} {noun} [^come|^be sold] with {f1}``: ``[a|b]`` are
alternatives, ``{it}`` and its like and each ``^verb`` follow the number of the product, and every
other field is filled in from a row's facts. The full stop at the end may be left out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adcraft.ad_copy.phrasing.english import Number, finite

Facts = Mapping[str, str]
"""Name of a template's field -> text."""
FACTS = frozenset(
    "brand brands title noun a_noun short look_noun a_look_noun size figure figure_name price use1 use2 "
    "f1 f1_bare f1_does does1 do1 f2 f2_bare f2_does does2 do2 d1 d2 d3".split()
)
"""Every field that a row fills in."""

_PRONOUNS = {
    "singular": {"it": "it", "them": "it", "this": "this", "it_is": "it's"},
    "plural": {"it": "they", "them": "them", "this": "these", "it_is": "they're"},
}
_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sentence:
    """One sentence to be filled in by ``text.format_map(facts)``, and the fields that it mentions."""

    text: str
    fields: frozenset[str]


def variants(template: str, number: Number, stop: str = ".") -> tuple[Sentence, ...]:
    """Every sentence that ``template`` stands for, for a product of this number.

    Args:
        template: see above.
        number: of the product.
        stop: what a sentence ends in that has no other end: a full stop, or "" in a headline.

    Raises:
        ValueError: the template has a field that no row fills in.
    """
    pronouns = _PRONOUNS["plural" if number == "plural" else "singular"]
    return tuple(_sentence(text, pronouns, number, stop) for text in _expand(template))


def _expand(template: str) -> Iterable[str]:
    pieces = _ALTERNATIVES.split(template)  # fixed text at even places, alternatives at odd ones
    choices = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    return ("".join(parts) for parts in itertools.product(*choices))


def _sentence(text: str, pronouns: dict[str, str], number: Number, stop: str) -> Sentence:
    text = finite(_FIELD.sub(lambda field: pronouns.get(field[1], field[0]), text), number)
    fields = frozenset(_FIELD.findall(text))
    if unknown := fields - FACTS:
        raise ValueError(
            f"The template {text!r} has the unknown fields {', '.join(sorted(unknown))}; "
            f"known are {', '.join(sorted(FACTS | pronouns.keys()))}."
        )
    return Sentence(text if text.endswith(("?", "!", ".")) else f"{text}{stop}", fields)
