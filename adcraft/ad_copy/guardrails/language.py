"""Whether copy is in the language that was asked for: by its script and its function words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import WORD
from adcraft.ad_copy.languages import function_words, is_latin, languages_of, scripts_of

_NOT_LATIN = re.compile("[\u0370-\u1cff\u2c80-\ua6ff\ua800-\ud7ff\uf900-\ufaff\ufb1d-\ufeff]")
_SHARE = 0.3
_LEAST = 2


def foreign(text: str, facts: Facts, language: str) -> Iterator[Finding]:
    """A finding about the whole text where it is in another language than ``language``, such as ``en``.
    Words that the record has are in every language.

    A text of few words without a function word is not told from others of its script.
    """
    own = [word for word in WORD.findall(text) if word not in facts.written]
    if (not is_latin(language) or _NOT_LATIN.search(text)) and _in_other_script("".join(own), language):
        yield Finding("language", 0, len(text), text, f"this is not written in the script of {language!r}")
        return
    known, tags_of = function_words(), languages_of()
    if language not in known:
        return
    words = {word.lower() for word in own}
    told = [tags_of[word] for word in words if word in tags_of]
    if len(told) <= 2 * sum(language in tags for tags in told):
        return  # no other can have more than twice as many
    counts = Counter(chain.from_iterable(told))
    likeliest = max(known, key=lambda tag: (counts[tag], tag == language))
    if counts[likeliest] >= _LEAST and counts[likeliest] > 2 * counts[language]:
        yield Finding("language", 0, len(text), text, f"this reads as {likeliest!r} and not as {language!r}")


def _in_other_script(words: str, language: str) -> bool:
    letters = sum(map(str.isalpha, words))
    others = sum(map(str.isalpha, scripts_of(language).sub("", words)))
    return bool(letters) and others > _SHARE * letters
