"""Brands in copy: the product's own, spelt as the record spells it, and no other."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import TOKEN, Folded, fold
from adcraft.ad_copy.guardrails.rules import Rules

_LEAST_TO_MISSPELL = 5
_MOST_LETTERS_MORE = 8  # a hyphen in it, one letter more, and an ending
_AND = ("&", "and", "und", "et")
_BEGINS_SENTENCE = re.compile(r"(?:^|[.!?:…]\s+)\W*$")


def others(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """Known brands that the record does not name."""
    known = _by_first_token(rules.brands)
    if known.keys().isdisjoint(folded.spelt_tokens):
        return
    for token in folded.tokens:
        for brand in known.get(token.group(), ()):
            start, end = token.start(), token.start() + len(brand)
            if not folded.text.startswith(brand, start) or folded.text[end : end + 1].isalnum():
                continue
            if brand in rules.brands_that_are_words and not _is_named(text, *folded.span(start, end)):
                continue
            if not facts.says(brand):
                why = "a brand that the product's record does not name"
                yield found("brand", text, folded, (start, end), why)


def misspelt(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """The product's own brand in other letters than the record's."""
    if len(facts.brand) < 2:
        return
    brand = folded_brand(facts.brand)
    why = f"the brand is spelt {facts.brand}"
    for place in _places(brand, folded.text):
        start, end = folded.span(*place)
        ordinary = brand.isalpha() and text[start:end].islower()  # "only" is not the brand ONLY
        own = text[start:end] == facts.brand or facts.writes(text[start:end])
        if not own and not ordinary:
            yield found("brand", text, folded, place, why)
    stem = _stem(brand)
    if not brand.isalpha() or len(brand) < _LEAST_TO_MISSPELL or len(stem) < 2:
        return
    for start, end in _almost(text, folded, stem, rules):
        if not facts.says(folded.text[start:end]):
            yield found("brand", text, folded, (start, end), why)


@functools.lru_cache(maxsize=4096)
def folded_brand(brand: str) -> str:
    """As it stands in a folded text."""
    return fold(brand).text


def _places(brand: str, text: str) -> Iterator[tuple[int, int]]:
    """Where the folded ``brand`` stands in the folded text as words of their own; "&" may be a word."""
    if brand.partition("&")[0] not in text:
        return
    for spelt in (brand.replace("&", word) for word in _AND) if "&" in brand else (brand,):
        start = text.find(spelt)
        while start >= 0:
            end = start + len(spelt)
            if not _is_in_word(text[start - 1 : start]) and not _is_in_word(text[end : end + 1]):
                yield start, end
            start = text.find(spelt, end)


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_named(text: str, start: int, end: int) -> bool:
    """Whether a word has a capital that it doesn't owe to the beginning of a sentence."""
    return text[start:end][:1].isupper() and not _BEGINS_SENTENCE.search(text[:start])


def _stem(word: str) -> str:
    return word.rstrip("s").rstrip("'’")


def _almost(text: str, folded: Folded, brand: str, rules: Rules) -> Iterator[tuple[int, int]]:
    """Where a word with a capital is almost ``brand``, or is it together with the next word: "Kel trix"."""
    words, origin = folded.words, folded.origin
    least, most = len(brand) - 1, len(brand) + _MOST_LETTERS_MORE
    first, second = brand[:2], frozenset({brand[0], brand[1], "-"})
    for index, spelt in enumerate(folded.spelt_words):
        if spelt[0] not in first and spelt[1:2] not in second:  # two of its letters are other ones
            continue
        short = brand.startswith(spelt)
        if not short and not least <= len(spelt) <= most:
            continue
        start, end = words[index].span()
        if not text[origin[start]].isupper():
            continue
        plain = spelt.replace("-", "")
        stem = _stem(plain)
        common = plain in rules.common_words or stem in rules.common_words
        if plain != spelt if stem == brand else not common and _alike(stem, brand):
            yield start, end
        in_two = short and index + 1 < len(words) and words[index + 1].start() - end == 1
        if in_two and _stem(spelt + folded.spelt_words[index + 1]) == brand:
            yield start, words[index + 1].end()


def _alike(word: str, brand: str) -> bool:
    """Whether one letter more, less or other, or another order of letters, makes the one the other."""
    if abs(len(word) - len(brand)) > 1:
        return False
    if word[:1] == brand[:1] and sorted(word) == sorted(brand):
        return True
    short, long = sorted((word, brand), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return short[start + (len(short) == len(long)) :] == long[start + 1 :]


@functools.lru_cache(maxsize=16)
def _by_first_token(brands: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for brand in sorted(brands, key=len, reverse=True):
        first = TOKEN.match(brand)
        if first:
            found.setdefault(first.group(), []).append(brand)
    return found
