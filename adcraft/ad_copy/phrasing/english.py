"""The little English grammar that the sample feed needs: articles, verb forms, title case.

Text in the YAML files marks each verb that agrees with its subject by a caret, in its base form:
``^keep drips off the hob`` becomes ``keeps drips off the hob`` or ``keep drips off the hob``.
"""

from __future__ import annotations

import re
from typing import Literal

Number = Literal["singular", "plural", "mass"]
"""How a noun counts: a kettle, sandals, olive oil."""

_VERB = re.compile(r"\^([a-z]+)")
_SINGULAR = {"be": "is", "have": "has"}
_PLURAL = {"be": "are"}
_INITIALISM = re.compile(r"[A-Z](?:[A-Z0-9]|-|$|\s)")
_NUMERAL = re.compile(r"\d+")
_A_BEFORE_VOWEL = re.compile(r"(?:eu|one\b|once\b|uni(?!n)|us[aeiu]|util)", re.IGNORECASE)
_AN_BEFORE_CONSONANT = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)
_SMALL_WORDS = frozenset("a an and at by for from in of on or the to with".split())


def article(phrase: str) -> str:
    """``a`` or ``an``, as the first word of ``phrase`` sounds: an hour, a unit, an 8 cm bowl, an LED."""
    if _INITIALISM.match(phrase):
        return "an" if phrase[0] in "AEFHILMNORSX" else "a"
    if numeral := _NUMERAL.match(phrase):
        return "an" if numeral.group().startswith("8") or numeral.group() in {"11", "18"} else "a"
    if _A_BEFORE_VOWEL.match(phrase):
        return "a"
    return "an" if _AN_BEFORE_CONSONANT.match(phrase) or phrase[:1].lower() in "aeiou" else "a"


def indefinite(phrase: str, number: Number) -> str:
    """``phrase`` as something not yet known: with its article where it is singular."""
    return f"{article(phrase)} {phrase}" if number == "singular" else phrase


def without_article(phrase: str) -> str:
    """``a pouring lip`` without its ``a``."""
    return re.sub(r"^an? ", "", phrase)


def infinitive(text: str) -> str:
    """``text`` with its marked verbs in the base form, as after ``to``."""
    return _VERB.sub(r"\1", text)


def finite(text: str, number: Number) -> str:
    """``text`` with its marked verbs in the third person of the present tense."""
    if number == "plural":
        return _VERB.sub(lambda verb: _PLURAL.get(verb[1], verb[1]), text)
    return _VERB.sub(lambda verb: _third_person(verb[1]), text)


def _third_person(verb: str) -> str:
    if verb in _SINGULAR:
        return _SINGULAR[verb]
    if re.search(r"(?:s|x|z|ch|sh|[^aeiou]o|go)$", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y$", verb) else f"{verb}s"


def title_case(text: str) -> str:
    """``text`` as in a product title; small words such as ``with`` stay as they are."""
    words = text.split(" ")
    return " ".join(_capital(word) if word not in _SMALL_WORDS else word for word in words)


def headline_case(text: str) -> str:
    """``text`` in title case, each clause with a capital at its start; what follows a figure, such as
    the ``cm`` of ``30 cm``, stays as it is.
    """
    cased = _AFTER_FIGURE.sub(lambda unit: text[unit.start() : unit.end()], title_case(text))
    return _CLAUSE_START.sub(lambda start: start[1] + start[2].upper(), cased)


_AFTER_FIGURE = re.compile(r"(?<=\d )\w+")
_CLAUSE_START = re.compile(r"(^|[.?!:] )([a-z])")


def _capital(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def sentence_case(text: str) -> str:
    """``text`` with a capital at the start of each of its sentences."""
    return _SENTENCE_START.sub(lambda start: start[1] + start[2].upper(), text)


_SENTENCE_START = re.compile(r"(^|[.?!] )([a-z])")
