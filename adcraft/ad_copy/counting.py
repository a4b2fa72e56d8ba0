"""How long a text is to an advertising platform."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from wcwidth import iter_graphemes

Counting = Literal["graphemes", "double_width", "weighted"]

_EMOJI_STYLE = "\ufe0f"
_REGIONAL = range(0x1F1E6, 0x1F200)
# Of each of these, alone or beside any of them, a reader counts one, and it is narrow: nothing to look up.
_SIMPLE = re.compile("[\n -~\u00a0-\u02ff\u2010-\u2027\u20a0-\u20bf]*")
_LIGHT = (range(4352), range(8192, 8206), range(8208, 8224), range(8242, 8248))


def graphemes(text: str) -> int:
    """Characters as a reader counts them: an emoji of five code points is one (Unicode Annex 29)."""
    if _SIMPLE.fullmatch(text):
        return len(text)
    return sum(1 for _ in iter_graphemes(_composed(text)))


def double_width(text: str) -> int:
    """Graphemes, of which Chinese, Japanese and Korean characters, full-width forms and emoji are two, as
    Google and Microsoft count them. A half-width katakana is one.
    """
    if _SIMPLE.fullmatch(text):
        return len(text)
    return sum(2 if _is_wide(grapheme) else 1 for grapheme in iter_graphemes(_composed(text)))


def weighted(text: str) -> int:
    """As X counts: a code point of the Latin, Greek, Cyrillic, Hebrew, Arabic and Indic blocks and of some
    punctuation is one, any other and every emoji two (``twitter-text``, its configuration 3).
    """
    if text.isascii():
        return len(text)
    return sum(
        2 if _is_emoji(grapheme) else sum(1 if _is_light(character) else 2 for character in grapheme)
        for grapheme in iter_graphemes(_composed(text))
    )


COUNT: dict[Counting, Callable[[str], int]] = {
    "graphemes": graphemes,
    "double_width": double_width,
    "weighted": weighted,
}


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _is_wide(grapheme: str) -> bool:
    return _is_emoji(grapheme) or any(unicodedata.east_asian_width(char) in "WF" for char in grapheme)


def _is_emoji(grapheme: str) -> bool:
    """Whether it is drawn as one: by default, by the selector, or as a flag."""
    first = grapheme[0]
    return (
        _EMOJI_STYLE in grapheme
        or ord(first) in _REGIONAL
        or (unicodedata.category(first) == "So" and unicodedata.east_asian_width(first) == "W")
    )


def _is_light(character: str) -> bool:
    return any(ord(character) in block for block in _LIGHT)
