"""Text as a reader takes it, however it was typed: without case, accents, invisible characters and letters
that only look like others (Unicode Technical Standard 39).
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Folded:
    """A folded text, and where each of its characters was.

    Attributes:
        text: folded.
        origin: index in the original of each character, and the original's length.
    """

    text: str
    origin: tuple[int, ...] | range

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the folded characters ``start`` to ``end`` were."""
        if start == end:
            return self.origin[start], self.origin[start]
        return self.origin[start], self.origin[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold ``text``: what full-width, Latin and Cyrillic letters spell together is ``free``."""
    if text.isascii():
        return Folded(text.lower(), range(len(text) + 1))
    folded = [_folded(character) for character in text]
    origin = [index for index, form in enumerate(folded) for _ in form]
    return Folded("".join(folded), (*origin, len(text)))


@functools.lru_cache(maxsize=8192)
def _folded(character: str) -> str:
    if character.isascii():
        return character.lower()
    plain = "".join(
        part
        for part in unicodedata.normalize("NFKD", character)
        if unicodedata.category(part) not in ("Mn", "Cf", "Cc")
    )
    look_alike = _look_alikes()
    return "".join(look_alike.get(part, part) for part in plain.casefold()).lower()


@functools.cache
def _look_alikes() -> dict[str, str]:
    """A character beyond ASCII to the ASCII letter that it, or its capital, looks like."""
    from confusable_homoglyphs.confusables import confusables_data

    letters: dict[str, str] = {}
    for character, others in confusables_data.items():
        plain = [other["c"] for other in others if len(other["c"]) == 1 and other["c"].isascii()]
        letter = next((form for form in plain if form.isalpha()), "")
        if len(character) == 1 and not character.isascii() and letter:
            letters[character] = letter.lower()
    small = {
        character.lower(): letter for character, letter in letters.items() if len(character.lower()) == 1
    }
    return small | letters
