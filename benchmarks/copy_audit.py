"""Faults of a text, found without any of the code that keeps them out.

What is looked for, and how:

- over_limit: more characters than the placement accepts. Counted by grapheme clusters, as the library
  ``regex`` finds them: one each; where the platform counts double widths, two for a cluster with a wide or
  full-width character or an emoji; where it weighs, one for each code point of the light blocks that X
  publishes, two for any other one and for an emoji.
- broken_word: a word that nobody wrote. Words are runs of letters, with apostrophes inside, compared without
  case and without a final 's. They must stand in the product's record, in what the model was trained on, or
  in the shipped templates; or be the plural or the singular of a word of the record, by -s. So a word that
  was cut is found, and one that a model made up of pieces.
- misspelt: a run of as many words as the brand or the name has that resembles it (``difflib`` ratio of at
  least 0.8, without case), and has a word that neither the record nor the training texts have. Also the brand
  in other capitals than the record's, unless it is all small: "only" is not the brand ONLY.
- number: digits, with points and commas inside, of a value that no number in the record has.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal, InvalidOperation

import regex

from adcraft.workload import Record

FAULTS = ("over_limit", "broken_word", "misspelt", "number")

_CLUSTER = regex.compile(r"\X")
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Regional_Indicator}|\uFE0F")
_LIGHT = regex.compile(r"[\u0000-\u10FF\u2000-\u200D\u2010-\u201F\u2032-\u2037]")
_WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*")
_NUMBER = regex.compile(r"\d+(?:[.,]\d+)*")
_ENDS = regex.compile(r"^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$")
_NO_FACTS = {"id", "timestamp", "tone", "ad", "headline", "ad_description", "subject"}
_LEAST_LETTERS, _RESEMBLES = 5, 0.8


def characters(text: str, count: str) -> int:
    """Length of ``text``; ``count`` is how the platform counts: graphemes, double_width or weighted."""
    clusters = _CLUSTER.findall(unicodedata.normalize("NFC", text))
    if count == "graphemes":
        return len(clusters)
    if count == "double_width":
        return sum(1 + (_is_wide(cluster) or bool(_EMOJI.search(cluster))) for cluster in clusters)
    if count == "weighted":
        return sum(
            2 if _EMOJI.search(cluster) else sum(1 if _LIGHT.match(point) else 2 for point in cluster)
            for cluster in clusters
        )
    raise ValueError(f"no platform counts by {count!r}")


def words(text: str) -> list[str]:
    """The words of ``text``, to be compared."""
    return [regex.sub(r"['’]s$", "", word) for word in _WORD.findall(text.casefold())]


def faults(
    text: str, record: Record, known: Collection[str], *, hard: int, count: str
) -> Iterator[tuple[str, str]]:
    """Each fault of ``text``, and what is wrong.

    Args:
        text: that was given out.
        record: of the product.
        known: words of the training texts and the templates, see ``words``.
        hard: characters that are accepted; 0: any.
        count: see ``characters``.
    """
    length = characters(text, count)
    if hard and length > hard:
        yield "over_limit", f"{length} of {hard}"
    said = _said(record)
    own = set(words(said))
    for word in words(text):
        if word not in own and word not in known and not _is_inflected(word, own):
            yield "broken_word", word
    for field in ("brand", "product_name"):
        value = record.get(field) or ""
        for found in _windows(text, len(value.split())):
            is_known = all(word in own or word in known for word in words(found))
            named = found in (record.get("product_name") or "")  # some write the brand otherwise in the name
            if not named and _is_misspelt(found, value, is_brand=field == "brand", is_known=is_known):
                yield "misspelt", f"{found} for {value}"
    given = set(map(_value, _NUMBER.findall(said)))
    for number in _NUMBER.findall(text):
        if _value(number) not in given:
            yield "number", number


def _is_inflected(word: str, own: Collection[str]) -> bool:
    plural = word.endswith("s") and not word.endswith(("ss", "ys")) and word[:-1] in own
    return plural or f"{word}s" in own


def _said(record: Record) -> str:
    return " | ".join(value for field, value in record.items() if value and field not in _NO_FACTS)


def _windows(text: str, size: int) -> Iterable[str]:
    parts = text.split()
    return (
        _ENDS.sub("", " ".join(parts[start : start + size])) for start in range(len(parts) - size + 1) if size
    )


def _is_misspelt(found: str, value: str, *, is_brand: bool, is_known: bool) -> bool:
    plain = _ENDS.sub("", value)
    one, other = found.casefold(), plain.casefold()
    if one == other:
        return is_brand and found != plain and not found.islower()
    if is_known or len(plain) < _LEAST_LETTERS:
        return False
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= _RESEMBLES and matcher.ratio() >= _RESEMBLES


def _value(number: str) -> str:
    try:
        return format(Decimal(number.replace(",", "")).normalize(), "f")
    except InvalidOperation:  # a date, a version
        return number


def _is_wide(cluster: str) -> bool:
    return any(unicodedata.east_asian_width(character) in "WF" for character in cluster)
