"""Whether copy is in the language that was asked for: by its script and its function words."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import regex

from adcraft.ad_copy.guardrails.facts import WORD, Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.rules import Rules

_SCRIPTS = {
    "ar": "Arabic", "bg": "Cyrillic", "el": "Greek", "fa": "Arabic", "he": "Hebrew", "hi": "Devanagari",
    "ja": "Han|Hiragana|Katakana", "ko": "Hangul", "ru": "Cyrillic", "th": "Thai", "uk": "Cyrillic",
    "zh": "Han",
}  # fmt: skip
_SHARE = 0.3
_LEAST = 2


def foreign(text: str, folded: Folded, facts: Facts, rules: Rules, language: str) -> Iterator[Finding]:
    """A finding about the whole text where it is in another language than ``language``, a tag such as ``en``
    or ``en-GB``. Words that the record has are in every language.

    A text of few words without a function word is not told from others of its script.
    """
    tag = language.lower().split("-")[0]
    scripts = _SCRIPTS.get(tag, "Latin").split("|")
    latin, within = "Latin" in scripts, _pattern(tuple(scripts))
    own = [match for match in WORD.finditer(text) if match.group() not in facts.written]
    letters = [character for match in own for character in match.group() if character.isalpha()]
    other = [
        character for character in letters if not ((character.isascii() and latin) or within.match(character))
    ]
    if letters and len(other) / len(letters) > _SHARE:
        yield Finding("language", 0, len(text), text, f"this is not written in the script of {tag!r}")
        return
    if tag not in rules.function_words:
        return
    counts = dict.fromkeys(rules.function_words, 0)
    for match in WORD.finditer(folded.text):
        for known in rules.languages_of.get(match.group(), ()):
            counts[known] += match.group() not in facts.written
    likeliest = max(counts, key=lambda known: (counts[known], known == tag))
    if counts[likeliest] >= _LEAST and counts[likeliest] > 2 * counts[tag]:
        yield Finding("language", 0, len(text), text, f"this reads as {likeliest!r} and not as {tag!r}")


@functools.cache
def _pattern(scripts: tuple[str, ...]) -> regex.Pattern[str]:
    return regex.compile("|".join(rf"\p{{scx={script}}}" for script in scripts))
