"""Whether copy is in the language that was asked for: by its script and its function words."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import regex

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import WORD
from adcraft.ad_copy.guardrails.rules import Rules

_SCRIPTS = {
    "ar": "Arabic", "bg": "Cyrillic", "el": "Greek", "fa": "Arabic", "he": "Hebrew", "hi": "Devanagari",
    "ja": "Han|Hiragana|Katakana", "ko": "Hangul", "ru": "Cyrillic", "th": "Thai", "uk": "Cyrillic",
    "zh": "Han",
}  # fmt: skip
_NOT_LATIN = re.compile("[\u0370-\u1cff\u2c80-\ua6ff\ua800-\ud7ff\uf900-\ufaff\ufb1d-\ufeff]")
_SHARE = 0.3
_LEAST = 2


def foreign(text: str, facts: Facts, rules: Rules, language: str) -> Iterator[Finding]:
    """A finding about the whole text where it is in another language than ``language``, such as ``en``.
    Words that the record has are in every language.

    A text of few words without a function word is not told from others of its script.
    """
    scripts = _SCRIPTS.get(language, "Latin")
    own = [word for word in WORD.findall(text) if word not in facts.written]
    if (scripts != "Latin" or _NOT_LATIN.search(text)) and _in_other_script("".join(own), scripts):
        yield Finding("language", 0, len(text), text, f"this is not written in the script of {language!r}")
        return
    if language not in rules.function_words:
        return
    languages_of = rules.languages_of
    words = {word.lower() for word in own}
    told = [languages_of[word] for word in words if word in languages_of]
    if len(told) <= 2 * sum(language in languages for languages in told):
        return  # no other can have more than twice as many
    counts = Counter(chain.from_iterable(told))
    likeliest = max(rules.function_words, key=lambda known: (counts[known], known == language))
    if counts[likeliest] >= _LEAST and counts[likeliest] > 2 * counts[language]:
        yield Finding("language", 0, len(text), text, f"this reads as {likeliest!r} and not as {language!r}")


def _in_other_script(words: str, scripts: str) -> bool:
    letters = sum(map(str.isalpha, words))
    return bool(letters) and sum(map(str.isalpha, _pattern(scripts).sub("", words))) > _SHARE * letters


@functools.cache
def _pattern(scripts: str) -> regex.Pattern[str]:
    return regex.compile("|".join(rf"\p{{scx={script}}}" for script in scripts.split("|")))
