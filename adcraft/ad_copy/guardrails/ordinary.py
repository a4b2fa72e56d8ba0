"""Text in which no sign and no space can be wrong. Most copy is of such words, which come again and again."""

from __future__ import annotations

import functools
import re

from adcraft.ad_copy.guardrails.characters import EMOTICON
from adcraft.ad_copy.guardrails.editorial import REPEATED, SPACES

# Letters and digits with single signs between, before and behind them. No sign that a rule is about can stand
# both before and behind: so what each word lacks, all lack, with one space between them.
_PART = "[A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]+"
_WORD = re.compile(rf"[#$£€(\"“]?{_PART}(?:[-–—.,/&+'’]{_PART})*['’%+]?[.,:;?!…]?[)\"”]?[.,:;?!]?")
_WITHIN = (EMOTICON, REPEATED, SPACES)
_BETWEEN = (" - ", " – ", " — ", " & ")


def is_ordinary(text: str) -> bool:
    """Whether neither :func:`~adcraft.ad_copy.guardrails.editorial.punctuated` nor
    :func:`~adcraft.ad_copy.guardrails.characters.odd_characters` can have a finding in ``text``.
    """
    for sign in _BETWEEN:
        text = text.replace(sign, " ")  # of two in a row, which would be a fault, one stays
    return all(map(_is_ordinary, text.split(" ")))


@functools.lru_cache(maxsize=32_768)
def _is_ordinary(word: str) -> bool:
    return _WORD.fullmatch(word) is not None and not any(pattern.search(word) for pattern in _WITHIN)
