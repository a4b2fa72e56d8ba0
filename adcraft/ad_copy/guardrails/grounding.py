"""Grounding: whatever copy claims must stand in the product's record."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from adcraft.ad_copy.guardrails.facts import WORD, Facts, in_a_word
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import Folded, fold
from adcraft.ad_copy.guardrails.rules import Rules, whole_words
from adcraft.ad_copy.numbers import value_of
from adcraft.ad_copy.slots import NUMBER

_LEAST_TO_MISSPELL = 5


def ungrounded(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """What ``text`` claims and the record does not: numbers, units, prices, discounts, superlatives, sizes,
    brands.
    """
    yield from _claims(text, folded, facts, rules)
    if any(character.isdigit() for character in folded.text):
        yield from _numbers(text, folded, facts, rules)
    yield from _number_words(text, folded, facts, rules)
    yield from _other_brands(text, folded, facts, rules)
    yield from _misspelled_brand(text, folded, facts)


def _claims(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    for rule, claim in rules.claims.items():
        for match in claim.pattern.finditer(folded.text):
            if not facts.says(match.group()):
                yield found(rule, text, folded, match.span(), claim.why)


def _numbers(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    for match in NUMBER.finditer(folded.text):
        known = (
            facts.says(_word_around(folded.text, match))
            if in_a_word(folded.text, match)
            else value_of(match.group()) in facts.numbers
        )
        if not known:
            why = "a number that the product's record does not have"
            yield found("number", text, folded, match.span(), why)
    for match in rules.quantity.finditer(folded.text):
        value, unit = value_of(match["number"]), rules.unit(match["unit"])
        if value in facts.numbers and (value, unit) not in facts.quantities:
            why = f"the product's record has {match['number']}, but not as {unit}"
            yield found("unit", text, folded, match.span(), why)
    for match in rules.amount.finditer(folded.text):
        amount = match["before"] or match["after"]
        currency = (match["currency"] or match["behind"]).strip()
        if value_of(amount) not in facts.amounts:
            why = "a sum of money that is not the product's price"
            yield found("price", text, folded, match.span(), why)
        elif currency not in facts.currencies:
            why = f"the product's record does not say that its price is in {currency}"
            yield found("price", text, folded, match.span(), why)


def _word_around(text: str, number: re.Match[str]) -> str:
    """The name that a number is part of: ``x4``."""
    start = number.start()
    while start and text[start - 1].isalnum():
        start -= 1
    return text[start : number.end()]


def _number_words(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    matches = list(rules.number_word.finditer(folded.text))
    if not matches:
        return
    idioms = [match.span() for match in rules.number_idiom.finditer(folded.text)]
    for match in matches:
        value = value_of(f"{rules.number_words[match.group()]:g}")
        idiomatic = any(start <= match.start() < end for start, end in idioms)
        if value not in facts.numbers and not facts.says(match.group()) and not idiomatic:
            why = "a number that the product's record does not have"
            yield found("number", text, folded, match.span(), why)


def _other_brands(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    for match in _any_of(rules.brands).finditer(folded.text):
        start, end = folded.span(*match.span())
        named = text[start:end]
        if not facts.says(match.group()) and not (named.islower() and named.isalpha()):
            why = "a brand that the product's record does not name"
            yield found("brand", text, folded, match.span(), why)


def _misspelled_brand(text: str, folded: Folded, facts: Facts) -> Iterator[Finding]:
    brand = fold(facts.brand).text
    if not brand or len(brand) < 2:
        return
    why = f"the brand is spelt {facts.brand}"
    for match in re.finditer(rf"(?<!\w){re.escape(brand)}(?!\w)", folded.text):
        start, end = folded.span(*match.span())
        ordinary = brand.isalpha() and text[start:end].islower()  # "only" is not the brand ONLY
        if text[start:end] != facts.brand and not ordinary:
            yield found("brand", text, folded, match.span(), why)
    if len(brand) < _LEAST_TO_MISSPELL or not brand.isalpha():
        return
    for match in WORD.finditer(folded.text):
        word = match.group()
        near = word != brand and abs(len(word) - len(brand)) <= 1 and word[0] == brand[0]
        if near and word.rstrip("s") != brand.rstrip("s") and _one_apart(word, brand):
            start, _ = folded.span(*match.span())
            if text[start].isupper() and not facts.says(word):
                yield found("brand", text, folded, match.span(), why)


def _one_apart(left: str, right: str) -> bool:
    """Whether one letter more, less, other, or two swapped make the one the other."""
    short, long = sorted((left, right), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    swapped = short[:start] + short[start + 1 : start + 2] + short[start : start + 1] + short[start + 2 :]
    return short[start + 1 :] == long[start + 1 :] or swapped == long


@functools.lru_cache(maxsize=16)
def _any_of(brands: frozenset[str]) -> re.Pattern[str]:
    return whole_words("|".join(sorted(map(re.escape, brands), key=len, reverse=True)))


def found(rule: str, text: str, folded: Folded, span: tuple[int, int], why: str) -> Finding:
    """A finding at a span of the folded text."""
    start, end = folded.span(*span)
    return Finding(rule, start, end, text[start:end], why)
