"""Grounding: whatever copy claims must stand in the product's record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from adcraft.ad_copy.guardrails.brands import folded_brand, misspelt, others
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.presented import presented
from adcraft.ad_copy.guardrails.quantities import Number, numbers, quantities, sums_of_money
from adcraft.ad_copy.guardrails.rules import Rules

Hits = Mapping[str, Sequence[re.Match[str]]]
_NO_CLAIM = "1"  # "one" says nothing


def ungrounded(text: str, folded: Folded, hits: Hits, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """What ``text`` claims and the record does not: numbers, units, prices, discounts, superlatives, sizes,
    brands, kinds of product.

    Args:
        text: the copy.
        folded: the same.
        hits: of the rules' scanner in it.
        facts: of the record.
        rules: with what claims look like.
    """
    for rule, claim in rules.claims.items():
        for match in hits.get(rule, ()):
            if not facts.says(match.group()) and not claim.said_in(facts.words, match.group()):
                yield found(rule, text, folded, match.span(), claim.why)
    yield from _sizes(text, folded, hits, facts, rules)
    numbered = numbers(folded.text, hits.get("number_word", ()), rules)
    if numbered:
        yield from _numbers(text, folded, numbered, hits, facts)
        yield from _units(text, folded, numbered, facts, rules)
        yield from _sums(text, folded, numbered, facts, rules)
    yield from others(text, folded, facts, rules)
    yield from misspelt(text, folded, facts, rules)
    if facts.kinds:
        yield from _kinds(text, folded, facts, rules)


def _sizes(text: str, folded: Folded, hits: Hits, facts: Facts, rules: Rules) -> Iterator[Finding]:
    for match in hits.get("size", ()):
        sizes = rules.sizes.token.findall(match.group())
        only_sizes = rules.sizes.filler.fullmatch(rules.sizes.token.sub("", match.group()))
        known = only_sizes and all(facts.says(size) for size in sizes)
        if not known and not facts.says(match.group()):
            yield found("size", text, folded, match.span(), rules.sizes.why)


def _numbers(
    text: str, folded: Folded, numbered: Sequence[Number], hits: Hits, facts: Facts
) -> Iterator[Finding]:
    idioms = [match.span() for match in hits.get("number_idiom", ())]
    for number in numbered:
        if number.spelt:
            known = number.value in (*facts.numbers, _NO_CLAIM) or facts.says(
                folded.text[number.start : number.end]
            )
            known = known or any(start <= number.start < end for start, end in idioms)
        elif number.name:
            start, end = _name_around(folded.text, number)
            letters, rest = folded.text[start : number.start], folded.text[number.start : end]
            known = facts.says(letters + rest) or facts.says(f"{letters} {rest}")
            known = known or facts.writes(text[slice(*folded.span(start, end))])
        else:
            known = number.value in facts.numbers
        if not known:
            why = "a number that the product's record does not have"
            yield found("number", text, folded, (number.start, number.end), why)


def _units(
    text: str, folded: Folded, numbered: Sequence[Number], facts: Facts, rules: Rules
) -> Iterator[Finding]:
    for measure in quantities(folded.text, numbered, rules):
        unit = measure.means[0]
        known = (measure.value, unit) in facts.quantities or (
            measure.value in facts.bare and unit in facts.units
        )
        money = measure.spelling in rules.currencies_of and measure.value in facts.amounts
        if measure.value in facts.numbers and not known and not money:
            why = f"the product's record has {measure.value}, but not as {unit}"
            yield found("unit", text, folded, (measure.start, measure.end), why)


def _sums(
    text: str, folded: Folded, numbered: Sequence[Number], facts: Facts, rules: Rules
) -> Iterator[Finding]:
    for money in sums_of_money(folded.text, numbered, rules):
        why = ""
        if money.value not in facts.amounts:
            weight = money.spelling in rules.unit_of
            why = "" if weight else "a sum of money that is not the product's price"
        elif facts.currencies.isdisjoint(money.means):
            why = f"the product's record does not say that its price is in {money.spelling}"
        if why:
            yield found("price", text, folded, (money.start, money.end), why)


def _kinds(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """Kinds of product that the text presents, and that neither stand in the record nor for one that does."""
    for noun in presented(folded, folded_brand(facts.brand), rules.product_kinds, facts.kinds):
        if not any(map(facts.says, (noun.text, f"{noun.text}s", noun.text.removesuffix("s")))):
            why = "a kind of product that the product's record does not name"
            yield found("product_kind", text, folded, (noun.start, noun.end), why)


def _name_around(text: str, number: Number) -> tuple[int, int]:
    """Where the name begins and ends that a number stands in: ``x4``, ``a9ab4135``."""
    start, end = number.start, number.end
    while start and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end
