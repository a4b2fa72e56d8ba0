"""Copy that says a thing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from adcraft.ad_copy.guardrails.facts import WORD, Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.grounding import found
from adcraft.ad_copy.guardrails.rules import Rules

_MOST = 2
_RUN = 3
_TWICE_IN_A_ROW = frozenset({"so", "very", "bye", "that", "had", "choo", "yo", "no", "oh", "ha"})


def repeated(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """A word twice in a row, a word of content more than twice, three words that come again. What the
    product's own name repeats is its own.
    """
    words = list(WORD.finditer(folded.text))
    if len({word.group() for word in words}) == len(words):
        return
    spelt = [word.group() for word in words]
    for before, word in pairwise(words):
        between = folded.text[before.end() : word.start()]
        same = before.group() == word.group() and between.strip() in ("", ",")
        if same and word.group() not in _TWICE_IN_A_ROW and not facts.says(f"{word.group()} {word.group()}"):
            yield found("repetition", text, folded, (before.start(), word.end()), "a word twice in a row")
    counts = Counter(word for word in spelt if word not in rules.languages_of and len(word) > 1)
    for often, count in counts.items():
        if count > _MOST and count > _MOST + facts.name.lower().count(often):
            last = words[len(spelt) - 1 - spelt[::-1].index(often)]
            yield found("repetition", text, folded, last.span(), f"{often!r} is there {count} times")
    runs = [tuple(spelt[index : index + _RUN]) for index in range(len(spelt) - _RUN + 1)]
    for index, run in enumerate(runs):
        if run in runs[: max(0, index - _RUN + 1)] and not facts.says(" ".join(run)):
            span = words[index].start(), words[index + _RUN - 1].end()
            yield found("repetition", text, folded, span, "words that were there before")
            return
