"""What a product's record says, in the form that claims are compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adcraft.ad_copy.fields import FIELDS
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.numbers import numbers_in, value_of
from adcraft.ad_copy.slots import NUMBER
from adcraft.workload import Record

_NO_FACTS = frozenset({"id", "timestamp", "tone", "ad"})
_PARTS = re.compile(r"\w+|[%#+]")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True)
class Facts:
    """One record; made once for all the copy that is written about it.

    Attributes:
        brand: as the record spells it; "" where it has none.
        name: likewise.
        words: of all fields that state facts, folded, with one space between them and at both ends.
        written: the words of these fields as they are spelt.
        numbers: values of those that no letter stands before: "X4" is a name.
        quantities: value and unit.
        amounts: values of the price, and of what stands with a currency.
        currencies: folded, as they are written.
    """

    brand: str
    name: str
    words: str
    written: frozenset[str]
    numbers: frozenset[str]
    quantities: frozenset[tuple[str, str]]
    amounts: frozenset[str]
    currencies: frozenset[str]

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
        text = fold(joined).text
        price = fold(record.get("price") or "").text
        words = (rules.number_words[match.group()] for match in rules.number_word.finditer(text))
        amounts = list(rules.amount.finditer(text))
        return cls(
            brand=record.get("brand") or "",
            name=record.get("product_name") or "",
            words=_spaced(text),
            written=frozenset(WORD.findall(joined)),
            numbers=frozenset([*standalone_numbers(text), *(value_of(f"{value:g}") for value in words)]),
            quantities=frozenset(
                (value_of(match["number"]), rules.unit(match["unit"]))
                for match in rules.quantity.finditer(text)
            ),
            amounts=frozenset(
                [*numbers_in(price), *(value_of(match["before"] or match["after"]) for match in amounts)]
            ),
            currencies=frozenset((match["currency"] or match["behind"]).strip() for match in amounts),
        )

    def says(self, folded: str) -> bool:
        """Whether the record has these folded words one after another, whatever signs are between them."""
        return _spaced(folded) in self.words


def standalone_numbers(folded: str) -> list[str]:
    """Values of the numbers that no letter stands before."""
    return [value_of(match.group()) for match in NUMBER.finditer(folded) if not in_a_word(folded, match)]


def in_a_word(folded: str, number: re.Match[str]) -> bool:
    """Whether a letter stands before it."""
    return folded[number.start() - 1 : number.start()].isalpha()


def _spaced(text: str) -> str:
    return f" {' '.join(_PARTS.findall(text))} "
