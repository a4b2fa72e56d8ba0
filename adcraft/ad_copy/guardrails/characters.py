"""Characters that nobody sees, that look like others, or that a platform does not take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import regex

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import UNSEEN, Folded, fold

EMOTICON = re.compile(
    r"(?<!\w)(?:[:;=][-']?[)(DPpo3*/|]|8-[)D])(?!\w)|(?<!\w)<3(?!\w)|\^_*\^|¯\\_|(?<!\w)[xX]D(?!\w)"
)
_SYMBOL = regex.compile(
    r"[0-9#*]\ufe0f?\u20e3|\p{Extended_Pictographic}\ufe0f?|[\U0001F1E6-\U0001F1FF]"
    r"|[\u2190-\u21ff\u2022\u2023\u2043\u25e6]|(?<![\u3040-\u30ff])[ツシ](?![\u3040-\u30ff])|[\p{So}--[°©®™№℠\u2800]]",
    regex.V1,
)
_NO_PICTURE = frozenset("©®™")
_HIDDEN = frozenset({"Cf", "Cc", "Co", "Cn", "Cs", "Zl", "Zp"})
_JOINERS, _DIRECTIONS, _LINE = "\u200d\u200c", "\u200e\u200f", "\n"
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_UNSEEN = re.compile(rf"[{''.join(sorted(UNSEEN))}]|(?:(?<=[^\W\d_]|\s)|^)[\ufe00-\ufe0f]")
_TAGS, _TAGGED = range(0xE0020, 0xE0080), "\U0001f3f4"
_OTHER = r"[\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}\p{Coptic}\p{Lisu}]"
_LATIN_WITH = regex.compile(rf"\b\w*(?:\p{{Latin}}\w*{_OTHER}|{_OTHER}\w*\p{{Latin}})\w*\b")
_IN_OTHER = regex.compile(rf"\b{_OTHER}+\b")
_PHONETIC = "\u0250-\u02af\u02b0-\u02b8\u02e0-\u02e4\u1d00-\u1dbf\u2071\u207f\u2090-\u209c\ua730-\ua731"
_STYLED = "\u249c-\u24e9\U0001d400-\U0001d7ff\U0001f110-\U0001f16f"
_FULL_WIDTH = "\uff21-\uff3a\uff41-\uff5a"
_DRESSED = re.compile(
    f"[{_PHONETIC}{_STYLED}{_FULL_WIDTH}]+|(?<=[A-Za-z])[\u2160-\u217f]|[\u2160-\u217f](?=[A-Za-z])"
)
_SUSPECT = re.compile(
    f"[{_PHONETIC}{_STYLED}{_FULL_WIDTH}\u0370-\u058f\u13a0-\u13ff\u1f00-\u1fff\u2160-\u217f\u2c80-\u2cff\ua4d0-\ua4ff]"
)
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ONLY_FULL_WIDTH = re.compile(f"[{_FULL_WIDTH}]+")


def odd_characters(text: str, folded: Folded, facts: Facts, *, emoji: bool) -> Iterator[Finding]:
    """Hidden characters, look-alikes, and emoji where they are not accepted.

    Args:
        text: the copy.
        folded: the same.
        facts: the record's own spelling is no fault.
        emoji: whether they are accepted.
    """
    if not text.isprintable():
        yield from _hidden(text)
    if not text.isascii():
        yield from _unseen(text)
        if _SUSPECT.search(text):
            yield from _look_alikes(text, folded, facts)
    if not emoji:
        why = "emoji are not accepted here"
        for match in EMOTICON.finditer(text):
            if match.group() not in facts.written:  # an XD may be a model
                yield Finding("emoji", match.start(), match.end(), match.group(), why)
        for symbol in () if text.isascii() else _SYMBOL.finditer(text):
            if symbol.group() not in _NO_PICTURE:
                yield Finding("emoji", symbol.start(), symbol.end(), symbol.group(), why)


def _hidden(text: str) -> Iterator[Finding]:
    """By category; the joiners of emoji, Persian and Indic, and the marks of Hebrew and Arabic are needed."""
    for index, character in enumerate(text):
        if character.isprintable() or unicodedata.category(character) not in _HIDDEN or character == _LINE:
            continue
        needed = (
            (character in _JOINERS and not text[index - 1 : index].isascii())
            or (character in _DIRECTIONS and _RIGHT_TO_LEFT.search(text))
            or (ord(character) in _TAGS and _TAGGED in text)
        )
        if not needed:
            yield Finding("hidden", index, index + 1, character, "a character that nobody sees")


def _unseen(text: str) -> Iterator[Finding]:
    for match in _UNSEEN.finditer(text):
        yield Finding("hidden", match.start(), match.end(), match.group(), "a character that nobody sees")


def _look_alikes(text: str, folded: Folded, facts: Facts) -> Iterator[Finding]:
    for match in _LATIN_WITH.finditer(text):
        if match.group() not in facts.written:
            why = "letters of two scripts that look alike in one word"
            yield Finding("look_alike", match.start(), match.end(), match.group(), why)
    others = list(_IN_OTHER.finditer(text))
    if others and len(others) < len(folded.words) and all(_reads_as_latin(word.group()) for word in others):
        for word in others:
            if word.group() not in facts.written:
                why = "letters of another script that look like Latin ones"
                yield Finding("look_alike", word.start(), word.end(), word.group(), why)
    for dressed in _DRESSED.finditer(text):
        east_asian = _ONLY_FULL_WIDTH.fullmatch(dressed.group()) and _EAST_ASIAN.search(text)
        own = any(dressed.group() in word for word in facts.written)
        if not east_asian and not own:
            why = "letters that only look like plain ones"
            yield Finding("look_alike", dressed.start(), dressed.end(), dressed.group(), why)


def _reads_as_latin(word: str) -> bool:
    return fold(word).text.isascii()
