"""Many patterns over one text, each tried only where a word can begin it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import regex

from adcraft.ad_copy.guardrails.folding import Folded

_MOST = 50_000
_SIGNS = " -'’.,:;/&%$@+°–"


_Alternative = tuple[str, str, regex.Pattern[str]]
"""Its name, how it is written, and compiled so that it can tell what may begin it."""


class _Begun(NamedTuple):
    """What a text can begin: the alternatives, and by name one pattern of them all."""

    patterns: Sequence[tuple[str, re.Pattern[str]]]
    alternatives: Sequence[_Alternative]


class Scanner:
    """Patterns by name; it remembers which of them a word can begin, and a word with the next letter.

    Args:
        patterns: alternatives of each; they match whole words.
    """

    def __init__(self, patterns: Mapping[str, Iterable[str]]) -> None:
        self._all = [
            (name, pattern, regex.compile(pattern))
            for name, alternatives in patterns.items()
            for pattern in alternatives
        ]
        self._by_first: dict[str, list[_Alternative]] = {}
        self._by_word: dict[str, _Begun] = {}
        self._by_more: dict[str, _Begun] = {}

    def scan(self, folded: Folded) -> dict[str, list[re.Match[str]]]:
        """Matches of each pattern that has any, from left to right without overlap."""
        found: dict[str, list[re.Match[str]]] = {}
        by_word, by_more = self._by_word, self._by_more
        text, tokens = folded.text, folded.tokens
        last = len(tokens) - 1
        for index, word in enumerate(folded.spelt_tokens):
            begun = by_word[word] if word in by_word else self._beginning_with(word)
            if not begun.patterns:
                continue
            start = tokens[index].start()
            if index < last:
                more = text[start : tokens[index + 1].start() + 1]
                begun = by_more[more] if more in by_more else self._narrowed(begun, more)
            for name, pattern in begun.patterns:
                match = pattern.match(text, start)
                if match and (name not in found or found[name][-1].end() <= match.start()):
                    found.setdefault(name, []).append(match)
        return found

    def _beginning_with(self, word: str) -> _Begun:
        first = word[0]
        if first not in self._by_first:  # so that a new word need not try all
            self._by_first[first] = _that_begin(self._all, first)
        begun = _of([each for each in self._by_first[first] if _begins(each[2], word)])
        if len(self._by_word) < _MOST:
            self._by_word[word] = begun
        return begun

    def _narrowed(self, begun: _Begun, more: str) -> _Begun:
        """Of what a word can begin, what it can with the next letter: nearly always nothing."""
        if len(self._by_more) >= _MOST:
            return begun
        self._by_more[more] = narrowed = _of(_that_begin(begun.alternatives, more))
        return narrowed


def _of(alternatives: Sequence[_Alternative]) -> _Begun:
    by_name: dict[str, list[str]] = {}
    for name, pattern, _ in alternatives:
        by_name.setdefault(name, []).append(pattern)
    patterns = [(name, whole_words("|".join(those))) for name, those in by_name.items()]
    return _Begun(patterns, alternatives)


def _that_begin(alternatives: Iterable[_Alternative], text: str) -> list[_Alternative]:
    """Those that match the beginning of ``text``, or may if it goes on."""
    return [each for each in alternatives if each[2].match(text, partial=True)]


def _begins(pattern: regex.Pattern[str], token: str) -> bool:
    """Whether a match can begin with ``token``, all of it, and a sign or a space behind it."""
    if not pattern.match(token, partial=True):
        return False
    goes_on = not token.isalnum() or any(pattern.match(token + sign, partial=True) for sign in _SIGNS)
    return goes_on or pattern.fullmatch(token) is not None


@functools.lru_cache(maxsize=4096)
def whole_words(pattern: str) -> re.Pattern[str]:
    """``pattern`` where no word goes on before or after it; a sign may stand right behind a word."""
    return re.compile(rf"(?:(?<!\w)|(?=\W))(?:{pattern})(?!\w)")
