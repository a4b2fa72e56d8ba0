"""Many patterns over one text, each tried only where a word can begin it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence

import regex

from adcraft.ad_copy.guardrails.folding import Folded

_MOST = 50_000
_SIGNS = " -'’.,:;/&%$@+°–"
_GAPS = ("", " ", "_")  # between two tokens of a folded text


_Alternative = tuple[str, str, regex.Pattern[str]]
"""Its name, how it is written, and compiled so that it can tell what may begin it."""


_Patterns = Sequence[tuple[str, re.Pattern[str]]]
"""By name, one pattern of all alternatives."""


class Scanner:
    """Patterns by name; it remembers which of them a word can begin before the first letter of the next.

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
        self._by_word: dict[str, list[_Alternative]] = {}
        self._by_pair: dict[tuple[str, str], _Patterns] = {}
        self._nothing: set[tuple[str, str]] = set()

    def scan(self, folded: Folded) -> dict[str, list[re.Match[str]]]:
        """Matches of each pattern that has any, from left to right without overlap."""
        found: dict[str, list[re.Match[str]]] = {}
        words, nothing = folded.spelt_tokens, self._nothing
        pairs = list(zip(words, [*(word[0] for word in words[1:]), ""], strict=True)) if words else []
        for index in [index for index, pair in enumerate(pairs) if pair not in nothing]:
            pair = pairs[index]
            patterns = self._by_pair.get(pair) or self._begun_by(pair)
            start = folded.tokens[index].start() if patterns else 0
            for name, pattern in patterns:
                match = pattern.match(folded.text, start)
                if match and (name not in found or found[name][-1].end() <= match.start()):
                    found.setdefault(name, []).append(match)
        return found

    def _begun_by(self, pair: tuple[str, str]) -> _Patterns:
        """Of what a word can begin, what it can with the next letter: nearly always nothing."""
        word, letter = pair
        begun = self._by_word[word] if word in self._by_word else self._beginning_with(word)
        if letter:
            begun = [each for each in begun if _any_begins(each[2], word, letter)]
        patterns = _of(begun)
        if len(self._by_pair) + len(self._nothing) < _MOST:
            if patterns:
                self._by_pair[pair] = patterns
            else:
                self._nothing.add(pair)
        return patterns

    def _beginning_with(self, word: str) -> list[_Alternative]:
        first = word[0]
        if first not in self._by_first:  # so that a new word need not try all
            self._by_first[first] = [each for each in self._all if each[2].match(first, partial=True)]
        begun = [each for each in self._by_first[first] if _begins(each[2], word)]
        if len(self._by_word) < _MOST:
            self._by_word[word] = begun
        return begun


def _of(alternatives: Sequence[_Alternative]) -> _Patterns:
    by_name: dict[str, list[str]] = {}
    for name, pattern, _ in alternatives:
        by_name.setdefault(name, []).append(pattern)
    return [(name, whole_words("|".join(those))) for name, those in by_name.items()]


def _any_begins(pattern: regex.Pattern[str], word: str, letter: str) -> bool:
    """Whether a match can begin with ``word`` where the next one begins with ``letter``."""
    return any(pattern.match(f"{word}{gap}{letter}", partial=True) for gap in _GAPS)


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
