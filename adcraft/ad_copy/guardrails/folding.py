"""Text as a reader takes it, however it was typed: without case, accents, invisible characters and letters
that only look like others (Unicode Technical Standard 39).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""What nobody sees although Unicode counts it among letters, marks and symbols."""
_ODD_SPACE = re.compile(r"\s\s|[^\S ]")


@dataclass(frozen=True)
class Folded:
    """A folded text, and where each of its characters was.

    Attributes:
        text: folded.
        forms: what each character of the original became; none: each is one character still.
    """

    text: str
    forms: tuple[str, ...] = ()

    @functools.cached_property
    def tokens(self) -> list[re.Match[str]]:
        """Runs of letters and digits, and single signs."""
        return list(TOKEN.finditer(self.text))

    @functools.cached_property
    def spelt_tokens(self) -> list[str]:
        """The same as strings: all that most rules look at."""
        return TOKEN.findall(self.text)

    @functools.cached_property
    def words(self) -> list[re.Match[str]]:
        """Words, those with a hyphen or an apostrophe as one."""
        return list(WORD.finditer(self.text))

    @functools.cached_property
    def spelt_words(self) -> list[str]:
        """The same as strings."""
        return [word.group() for word in self.words]

    @functools.cached_property
    def origin(self) -> list[int] | range:
        """Index in the original of each character, and the original's length."""
        if not self.forms:
            return range(len(self.text) + 1)
        return [*(index for index, form in enumerate(self.forms) for _ in form), len(self.forms)]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the folded characters ``start`` to ``end`` were."""
        if start == end:
            return self.origin[start], self.origin[start]
        return self.origin[start], self.origin[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold ``text``: what full-width, Latin and Cyrillic letters spell together is ``free``; any run of white
    space is one space.
    """
    if text.isascii() and text.isprintable() and "  " not in text:  # most texts: no white space but " "
        return Folded(text.lower())
    odd = _ODD_SPACE.search(text) is not None
    if text.isascii() and not odd:
        return Folded(text.lower())
    forms = [_folded(character) for character in text]
    if odd:
        spaces = [form.isspace() for form in forms]
        forms = [
            "" if space and index and spaces[index - 1] else form
            for index, (form, space) in enumerate(zip(forms, spaces, strict=True))
        ]
    return Folded("".join(forms), tuple(forms))


@functools.lru_cache(maxsize=8192)
def _folded(character: str) -> str:
    if character.isspace():
        return " "
    if character.isascii():
        return character.lower()
    plain = "".join(
        part
        for part in unicodedata.normalize("NFKD", character)
        if unicodedata.category(part) not in ("Mn", "Cf", "Cc") and part not in UNSEEN
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
