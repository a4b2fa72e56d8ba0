"""How copy is written: what the platforms' editorial rules refuse whatever the product is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import regex

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.grounding import found
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.targets import dangles

_REPEATED = re.compile(r"[!?]\s*[!?][!?\s]*|\.{4,}|(?<!\.)\.\.(?!\.)|([,;:*~#$&|+=^_-])\1+|/{3,}|…{2,}")
_CAPITALS = re.compile(r"(?<![\w'’&-])[A-Z][A-Z'’]*[A-Z](?![\w'’-])")
_ALTERNATING = re.compile(r"(?<![\w#])(?=\w*[a-z][A-Z]\w*[a-z][A-Z]|[a-z][A-Z][a-z])[A-Za-z]{4,}(?!\w)")
_SPACED_OUT = re.compile(r"(?<!\w)[^\W\d_](?:[ ._*-]{1,3}[^\W\d_]){3,}(?!\w)")
_SPACES = re.compile(
    r"^\s|\s$|\s{2,}"
    r"|\s+[,;:!?](?=\s|$)|\s\.(?=\s|$)"
    r"|[a-z]{2}[,;!?](?=[^\W\d_])|[a-z]{2}\.(?=[A-Z][a-z])"
)
_SYMBOL = regex.compile(
    r"\p{Extended_Pictographic}\ufe0f?|[\U0001F1E6-\U0001F1FF]|[\p{So}--[°©®™№℠]]", regex.V1
)
_NO_PICTURE = frozenset("©®™0123456789#*")
_HIDDEN = frozenset({"Cf", "Cc", "Co", "Cn", "Cs"})
_JOINERS, _DIRECTIONS = "\u200d\u200c", "\u200e\u200f"
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("“", "”"))
_OTHER = r"[\p{Cyrillic}\p{Greek}]"
_LATIN_WITH = regex.compile(rf"\b\w*(?:\p{{Latin}}\w*{_OTHER}|{_OTHER}\w*\p{{Latin}})\w*\b")


def badly_written(
    text: str, folded: Folded, facts: Facts, rules: Rules, *, emoji: bool, exclamation_marks: int
) -> Iterator[Finding]:
    """Punctuation, capitals, spacing, symbols, what is cut off.

    Args:
        text: the copy.
        folded: the same.
        facts: what the product's own names are written like.
        rules: with the usual initialisms.
        emoji: whether they are accepted.
        exclamation_marks: how many are, at most; -1: any.
    """
    yield from _at(_REPEATED, "punctuation", text, "the same sign again and again")
    marks = [index for index, character in enumerate(text) if character in "!\uff01"]
    if 0 <= exclamation_marks < len(marks):
        place = marks[exclamation_marks]
        yield Finding("exclamation", place, place + 1, "!", f"at most {exclamation_marks} are accepted here")
    yield from _capitals(text, facts, rules)
    yield from _at(_SPACED_OUT, "spacing", text, "letters set apart")
    yield from _at(_SPACES, "spacing", text, "a space too many, or too few")
    for match in rules.gimmick.finditer(folded.text):
        if not facts.says(match.group()):
            yield found("gimmick", text, folded, match.span(), "a spelling of chats")
    if not text.isascii():
        yield from _characters(text, facts, emoji=emoji)
    if dangles(text):
        last = text.split()[-1:] or [""]
        start = len(text.rstrip()) - len(last[0])
        yield Finding("cut_off", start, len(text), text[start:], "ends as if cut off")
    for opening, closing in _PAIRS:
        if (opening in text or closing in text) and text.count(opening) != text.count(closing):
            place = max(text.rfind(opening), text.rfind(closing))
            yield Finding("cut_off", place, place + 1, text[place], f"{opening} without {closing}")


def _capitals(text: str, facts: Facts, rules: Rules) -> Iterator[Finding]:
    words = [
        match
        for match in _CAPITALS.finditer(text)
        if match.group() not in rules.capitals.usual and match.group() not in facts.written
    ]
    for match in words:
        if len(match.group()) > 3 or match.group() in rules.capitals.shouted:
            yield Finding("capitals", match.start(), match.end(), match.group(), "a word in capitals")
    for match in _ALTERNATING.finditer(text):
        if match.group() not in facts.written:
            yield Finding("capitals", match.start(), match.end(), match.group(), "capitals within a word")


def _characters(text: str, facts: Facts, *, emoji: bool) -> Iterator[Finding]:
    for index, character in enumerate(text):
        joins = character in _JOINERS and not text[index - 1 : index].isascii()  # emoji, Persian, Indic
        if unicodedata.category(character) in _HIDDEN and character not in _DIRECTIONS and not joins:
            yield Finding("hidden", index, index + 1, character, "a character that nobody sees")
    for match in _LATIN_WITH.finditer(text):
        if match.group() not in facts.written:
            why = "letters of two scripts that look alike in one word"
            yield Finding("look_alike", match.start(), match.end(), match.group(), why)
    if emoji:
        return
    for match in _SYMBOL.finditer(text):
        if match.group() not in _NO_PICTURE:
            yield Finding("emoji", match.start(), match.end(), match.group(), "emoji are not accepted here")


def _at(pattern: re.Pattern[str], rule: str, text: str, why: str) -> Iterator[Finding]:
    return (Finding(rule, match.start(), match.end(), match.group(), why) for match in pattern.finditer(text))
