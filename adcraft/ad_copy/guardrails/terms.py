"""Terms that a shop or a campaign does not want to read, and those that must be there."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator

from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import Folded, fold

_TYPED_AS = {
    "a": "a@4",
    "b": "b8",
    "e": "e3",
    "g": "g9",
    "i": "i1!|",
    "l": "l1|",
    "o": "o0",
    "s": "s$5",
    "t": "t7+",
}
_BETWEEN, _GAP = r"[\W_]{0,2}", r"[\W_]*"


def banned(text: str, folded: Folded, terms: Collection[str]) -> Iterator[Finding]:
    """Where one of ``terms`` stands: in any case, with an English ending (cheaper, cheaply), with signs for
    letters (ch3ap) or between them (c-h-e-a-p). Irregular forms are terms of their own.
    """
    for term in terms:
        for match in _banned(term).finditer(folded.text):
            yield found("banned", text, folded, match.span(), f"{term!r} is not wanted")


def missing(folded: Folded, terms: Collection[str]) -> Iterator[Finding]:
    """Which of ``terms`` are not there, in any case and with an English ending."""
    for term in terms:
        if not _required(term).search(folded.text):
            end = folded.origin[-1]
            yield Finding("required", end, end, "", f"{term!r} is missing")


@functools.lru_cache(maxsize=1024)
def _banned(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){_inflected(fold(term).text, _loose, _typed)}(?![^\W_])")


@functools.lru_cache(maxsize=1024)
def _required(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){_inflected(fold(term).text, re.escape, str)}(?!\w)")


def _inflected(term: str, stem_as: Callable[[str], str], ending_as: Callable[[str], str]) -> str:
    """A pattern of ``term`` and its regular forms; the endings are those of its last word."""
    if not term[-1:].isalpha() or len(term) < 3:
        return stem_as(term)
    if term.endswith("e"):
        return stem_as(term[:-1]) + ending_as("(?:e(?:[snmrd]|rs|st|ly|ness|['’]s)?|ings?|y|able)")
    if term.endswith("y") and term[-2] not in "aeiou":
        return stem_as(term[:-1]) + ending_as("(?:y(?:ing|['’]s)?|i(?:es|ed|er|ers|est|ly|ness))")
    if not term.isascii():
        return stem_as(term) + ending_as("(?:e?s|['’]s)?")
    doubled = f"{term[-1]}?" if term[-1] not in "aeiouwxy" else ""
    forms = f"e?s|['’]s|e[mn]?|{doubled}(?:ed|ers?|est|ings?|y|ish|able)|e?ste[mnrs]?|ly|ness"
    return stem_as(term) + ending_as(f"(?:{forms})?")


def _typed(endings: str) -> str:
    """A pattern of endings, each letter as it may be typed, and signs before them."""
    return _BETWEEN + re.sub(r"\w(?![^\[]*\])", lambda letter: _letter(letter.group()), endings)


def _letter(letter: str) -> str:
    return f"[{re.escape(_TYPED_AS.get(letter, letter))}]"


def _loose(text: str) -> str:
    """Each letter as it may be typed, drawn out or not, and signs between; a gap between words may be any."""
    return _GAP.join(
        _BETWEEN.join(f"{_letter(letter)}(?:{_letter(letter)}{{2,}})?" for letter in word)
        for word in re.split(r"[\W_]+", text)
    )
