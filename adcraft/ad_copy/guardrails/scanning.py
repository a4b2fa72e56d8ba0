"""Many patterns over one text, each tried only where a word can begin it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import regex

_MOST_WORDS = 50_000
_SIGNS = " -'’.,:;/&%$@+°–"


class Scanner:
    """Patterns by name; it remembers which of them a word can begin.

    Args:
        patterns: alternatives of each; they match whole words.
    """

    def __init__(self, patterns: Mapping[str, Iterable[str]]) -> None:
        self._begun = {
            name: {pattern: regex.compile(pattern) for pattern in alternatives}
            for name, alternatives in patterns.items()
        }
        self._any = {name: regex.compile("|".join(patterns)) for name, patterns in self._begun.items()}
        self._known: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {}

    def scan(self, tokens: Iterable[re.Match[str]]) -> dict[str, list[re.Match[str]]]:
        """Matches of each pattern that has any, from left to right without overlap.

        Args:
            tokens: of the folded text; see :attr:`Folded.tokens`.
        """
        found: dict[str, list[re.Match[str]]] = {}
        known = self._known
        for token in tokens:
            word = token.group()
            for name, pattern in known[word] if word in known else self._beginning_with(word):
                match = pattern.match(token.string, token.start())
                if match and (name not in found or found[name][-1].end() <= match.start()):
                    found.setdefault(name, []).append(match)
        return found

    def _beginning_with(self, token: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
        names = [name for name, begun in self._any.items() if begun.match(token, partial=True)]
        begun = {
            name: [pattern for pattern, begun in self._begun[name].items() if _begins(begun, token)]
            for name in names
        }
        patterns = tuple((name, whole_words("|".join(those))) for name, those in begun.items() if those)
        if len(self._known) < _MOST_WORDS:
            self._known[token] = patterns
        return patterns


def _begins(pattern: regex.Pattern[str], token: str) -> bool:
    """Whether a match can begin with ``token``, all of it, and a sign or a space behind it."""
    if not pattern.match(token, partial=True):
        return False
    goes_on = not token.isalnum() or any(pattern.match(token + sign, partial=True) for sign in _SIGNS)
    return goes_on or pattern.fullmatch(token) is not None


def whole_words(pattern: str) -> re.Pattern[str]:
    """``pattern`` where no word goes on before or after it; a sign may stand right behind a word."""
    return re.compile(rf"(?:(?<!\w)|(?=\W))(?:{pattern})(?!\w)")
