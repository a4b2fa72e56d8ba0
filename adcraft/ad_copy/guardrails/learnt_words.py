"""What a model should not have written: words that no text has, or that belong to another product, and texts
that could be about anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.inference.lexicon import WORD, Lexicon

_TELLING = 3
"""Letters of a word that says something."""
_PLAIN = re.compile(r"(?=[A-Z]|\S*\d)[^\W_]+")


def strange_words(text: str, facts: Facts, lexicon: Lexicon, task: str) -> Iterator[Finding]:
    """A finding for each word of ``text`` that the record does not have, and that the model can't have
    learnt, or learnt as one that texts of this task take from the record.
    """
    drawn = lexicon.drawn.get(task, frozenset())
    if not lexicon.known and not drawn:
        return
    for match in WORD.finditer(text):
        word = match.group().lower()
        unknown = bool(lexicon.known) and word not in lexicon.known
        if (unknown or word in drawn) and not _has(facts, word):
            rule, why = (
                ("unknown_word", "is no word of the record, nor of the texts that the model learnt from")
                if unknown
                else ("foreign_word", "is what such texts take from the record, which does not have it")
            )
            yield Finding(rule, match.start(), match.end(), match.group(), f"{match.group()!r} {why}")


def unrelated(text: str, facts: Facts) -> Iterator[Finding]:
    """A finding about the whole text where it has no word of the record, not even in another form of it."""
    words = (match.group().lower() for match in WORD.finditer(text))
    if any(_has(facts, word) for word in words if len(word) >= _TELLING):
        return
    lowered = text.lower()  # a script without spaces, a number, a brand of two letters
    telling = (word for word in facts.spelt_alike if len(word) >= _TELLING or not word.isascii())
    if any(word in lowered for word in telling):
        return
    if any(word in facts.written for word in _PLAIN.findall(text)):
        return
    yield Finding("unrelated", 0, len(text), text, "it names nothing that the record has")


def _has(facts: Facts, word: str) -> bool:
    """Whether the record has a word, in singular or plural."""
    words = facts.spelt_alike
    singular = word[:-1] if word.endswith("s") and not word.endswith(("ss", "ys")) else word
    return word in words or singular in words or f"{word}s" in words
