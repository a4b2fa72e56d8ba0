"""Copy that says a thing twice."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from operator import eq

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.languages import function_words, languages_of

_MOST, _MOST_FORMS = 2, 3
_WORDS_FOR_ONE_MORE = 40
_RUN, _CONTENT_RUN = 3, 2
_TWICE_IN_A_ROW = frozenset({"so", "very", "bye", "that", "had", "choo", "yo", "no", "oh", "ha"})
_ENDING = re.compile(r"(?<=\w{4})(?:s|able|ably|ing|ed|ly)$")
_FIGURE_TWICE = re.compile(r"(?<![\w.,])(\d\w*(?:[.,]\d+)*(?: [^\W\d_]+)?),? \1\b(?![.,]\d)")
_ENDS_CLAUSE = re.compile(r"[.!?;:,–—]")


def repeated(text: str, folded: Folded, facts: Facts, language: str) -> Iterator[Finding]:
    """A word twice in a row, a word of content more than twice in any form (in a long text, more often), the
    same words again: three, two of content, or a clause. What the product's own name repeats is its own.
    """
    words = folded.words
    for figure in _FIGURE_TWICE.finditer(folded.text):
        yield found("repetition", text, folded, figure.span(), f"{figure[1]!r} is there twice in a row")
    no_content = function_words().get(language, languages_of())
    spelt = folded.spelt_words
    stems = list(map(_stem, spelt))
    again = len(stems) - len(set(stems))
    if not again:
        return
    if any(map(eq, spelt, spelt[1:])):
        yield from _in_a_row(text, folded, facts, no_content)
    more = len(words) // _WORDS_FOR_ONE_MORE
    for forms, most in ((spelt, _MOST + more), (stems, _MOST_FORMS + more)) if again >= _MOST else ():
        for form, count in Counter(forms).items():
            if count <= most or len(form) == 1 or form in no_content:
                continue
            if count > most + folded.text.count(facts.name) * facts.name.count(form):
                last = words[len(forms) - 1 - forms[::-1].index(form)]
                why = f"{last.group()!r} is there {count} times"
                yield found("repetition", text, folded, last.span(), why)
    yield from _runs(text, folded, spelt, facts, no_content)


@functools.lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    return _ENDING.sub("", word)


def _in_a_row(text: str, folded: Folded, facts: Facts, no_content: Container[str]) -> Iterator[Finding]:
    for before, word in pairwise(folded.words):
        between = folded.text[before.end() : word.start()].strip()
        same = before.group() == word.group() and between in ("", ",")
        if between and word.group() in no_content:  # "you deserve it, it also", "up, up and away"
            continue
        meant = word.group() in _TWICE_IN_A_ROW or facts.says(f"{word.group()} {word.group()}")
        if same and not meant:
            yield found("repetition", text, folded, (before.start(), word.end()), "a word twice in a row")


def _runs(
    text: str, folded: Folded, spelt: Sequence[str], facts: Facts, no_content: Container[str]
) -> Iterator[Finding]:
    """The first run of words that was there before."""
    if len(set(pairwise(spelt))) == len(spelt) - 1:  # no two of them, so no three
        return
    seen: dict[tuple[str, ...], int] = {}
    for index in range(len(spelt) - 1):
        for length in (_RUN, _CONTENT_RUN):
            run = tuple(spelt[index : index + length])
            telling = length == _RUN or not any(word in no_content for word in run)
            again = seen.setdefault(run, index) <= index - length
            clause = again and _is_clause(folded, index, length) and _is_clause(folded, seen[run], length)
            at_once = seen[run] == index - length
            if (
                again
                and len(run) == length
                and (telling or clause or at_once)
                and not facts.says(" ".join(run))
            ):
                span = folded.words[index].start(), folded.words[index + length - 1].end()
                yield found("repetition", text, folded, span, "words that were there before")
                return


def _is_clause(folded: Folded, index: int, length: int) -> bool:
    """Whether a sign, or an end of the text, stands on both sides of these words."""
    words, text = folded.words, folded.text
    before = text[words[index - 1].end() : words[index].start()] if index else "."
    last = index + length - 1
    after = text[words[last].end() : words[last + 1].start()] if last + 1 < len(words) else "."
    return bool(_ENDS_CLAUSE.search(before) and _ENDS_CLAUSE.search(after))
