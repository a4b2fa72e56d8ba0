"""What a product's record says, in the form that claims are compared with."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from adcraft.ad_copy.fields import AD_FIELDS, FIELDS
from adcraft.ad_copy.guardrails.folding import WORD, Folded, fold
from adcraft.ad_copy.guardrails.quantities import numbers, quantities, sums_of_money
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.numbers import numbers_in
from adcraft.ad_copy.targets import separate_sentences
from adcraft.workload import Record

_NO_FACTS = frozenset({"id", "timestamp", "link", "tone", *AD_FIELDS})
_PARTS = re.compile(r"\w+|[%#+]")
_PART = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Facts:
    """One record; made once for all the copy that is written about it.

    Attributes:
        brand: as the record spells it; "" where it has none.
        name: likewise, folded.
        words: of all fields that state facts, folded, with one space between them and at both ends.
        text: of all these fields, as it is spelt.
        written: the words of these fields as they are spelt, and their parts.
        numbers: values of those that no letter stands before: "X4" is a name.
        bare: values of those that no unit stands behind.
        units: that are named, with a number or without.
        quantities: value and unit.
        amounts: values of the price, and of what stands with a currency.
        currencies: the likeliest meaning of each.
        kinds: groups of the kinds of product that its name and category name, or else any of its words.
    """

    brand: str
    name: str
    words: str
    text: str
    written: frozenset[str]
    numbers: frozenset[str]
    bare: frozenset[str]
    units: frozenset[str]
    quantities: frozenset[tuple[str, str]]
    amounts: frozenset[str]
    currencies: frozenset[str]
    kinds: frozenset[str]

    @classmethod
    def of(cls, record: Record, rules: Rules) -> Facts:
        """Read them from ``record``. The text that the model learns to write is no fact."""
        target = record.get("target_field")
        values = [
            value
            for spec in FIELDS
            if spec.name not in _NO_FACTS and spec.name != target and (value := record.get(spec.name))
        ]
        joined = " | ".join(values)
        folded = fold(separate_sentences(joined))
        text = folded.text
        hits = rules.scanner.scan(folded)
        found = [number for number in numbers(text, hits.get("number_word", ()), rules) if not number.name]
        measured = list(quantities(text, found, rules))
        sums = list(sums_of_money(text, found, rules))
        with_unit = {measure.start for measure in measured}
        price = numbers_in(fold(record.get("price") or "").text)
        words = _PARTS.findall(text)
        return cls(
            brand=record.get("brand") or "",
            name=fold(record.get("product_name") or "").text,
            words=f" {' '.join(words)} ",
            text=joined,
            written=frozenset([*WORD.findall(joined), *_PART.findall(joined)]),
            numbers=frozenset(number.value for number in found),
            bare=frozenset(number.value for number in found if number.start not in with_unit),
            units=frozenset(rules.unit_of[word] for word in words if word in rules.unit_of),
            quantities=frozenset((measure.value, measure.means[0]) for measure in measured),
            amounts=frozenset([*price, *(money.value for money in sums)]),
            currencies=frozenset(money.means[0] for money in sums),
            kinds=_kinds(record, folded, rules),
        )

    @functools.cached_property
    def spelt_alike(self) -> frozenset[str]:
        """The runs of letters that the record has, in lower case."""
        return frozenset(word.lower() for written in self.written for word in _LETTERS.findall(written))

    def says(self, folded: str) -> bool:
        """Whether the record has these folded words one after another, whatever signs are between them."""
        return f" {' '.join(_PARTS.findall(folded))} " in self.words

    def writes(self, text: str) -> bool:
        """Whether the record has ``text``, spelt just so."""
        return text in self.text


def _kinds(record: Record, folded: Folded, rules: Rules) -> frozenset[str]:
    title = fold(" | ".join(record.get(field) or "" for field in ("product_name", "category")))
    for source in (title, folded):
        if groups := rules.product_kinds.named_in(source.spelt_words):
            return groups
    return frozenset()
