"""Brands in copy: the product's own, spelt as the record spells it, and no other."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import zip_longest

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import TOKEN, Folded, fold
from adcraft.ad_copy.guardrails.rules import Rules

_LEAST_TO_MISSPELL = 5
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


def misspelt(text: str, folded: Folded, facts: Facts) -> Iterator[Finding]:
    """The product's own brand in other letters than the record's."""
    if len(facts.brand) < 2:
        return
    brand, pattern = _own(facts.brand)
    why = f"the brand is spelt {facts.brand}"
    for match in pattern.finditer(folded.text) if brand.partition("&")[0] in folded.text else ():
        start, end = folded.span(*match.span())
        ordinary = brand.isalpha() and text[start:end].islower()  # "only" is not the brand ONLY
        if text[start:end] != facts.brand and not ordinary:
            yield found("brand", text, folded, match.span(), why)
    if not brand.isalpha() or len(brand) < _LEAST_TO_MISSPELL:
        return
    stem = _stem(brand)
    for start, end, word in _capitalised(text, folded):
        other = _stem(word)
        other_than = _alike(other, stem) if other != stem else end - start > len(word)
        if other_than and not facts.says(folded.text[start:end]):
            yield found("brand", text, folded, (start, end), why)


def _is_named(text: str, start: int, end: int) -> bool:
    """Whether a word has a capital that it doesn't owe to the beginning of a sentence."""
    return text[start:end][:1].isupper() and not _BEGINS_SENTENCE.search(text[:start])


def _stem(word: str) -> str:
    return word.rstrip("s").rstrip("'’")


def _capitalised(text: str, folded: Folded) -> Iterator[tuple[int, int, str]]:
    """The words with a capital, and what they spell together with the next word: "Kel trix"."""
    origin = folded.origin
    pairs = zip_longest(folded.words, folded.words[1:])
    capitalised = [(word, after) for word, after in pairs if text[origin[word.start()]].isupper()]
    for word, _ in capitalised:
        yield word.start(), word.end(), word.group().replace("-", "")
    for word, after in capitalised:
        if after and after.start() - word.end() == 1:
            yield word.start(), after.end(), word.group() + after.group()


def _alike(word: str, brand: str) -> bool:
    """Whether one letter more, less or other, or another order of letters, makes the one the other."""
    if abs(len(word) - len(brand)) > 1:
        return False
    if word[:1] == brand[:1] and sorted(word) == sorted(brand):
        return True
    short, long = sorted((word, brand), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return short[start + (len(short) == len(long)) :] == long[start + 1 :]


@functools.lru_cache(maxsize=4096)
def _own(brand: str) -> tuple[str, re.Pattern[str]]:
    """A brand, folded, and the pattern that finds it; "&" may be a word."""
    plain = fold(brand).text
    spelt = re.escape(plain).replace(r"\&", "(?:&|and|und|et)")
    return plain, re.compile(rf"(?<!\w){spelt}(?!\w)")


@functools.lru_cache(maxsize=16)
def _by_first_token(brands: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for brand in sorted(brands, key=len, reverse=True):
        first = TOKEN.match(brand)
        if first:
            found.setdefault(first.group(), []).append(brand)
    return found
