"""Numbers with what they count: ``60 cm``, ``half a litre``, ``$49.90``, ``fifty euros``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.numbers import value_of
from adcraft.ad_copy.slots import NUMBER

_AND = re.compile(r"[ -]?(?:(?:and|und) ?)?(?:an? )?")
_HUNDRED, _THOUSAND, _DOZEN, _HALF = 100, 1000, 12, 0.5


@dataclass(frozen=True)
class Number:
    """A number in a folded text, in digits or in words.

    Attributes:
        start: index of its first character.
        end: index after the last one.
        value: see :func:`~adcraft.ad_copy.numbers.value_of`.
        spelt: whether it stands in words.
        name: whether a letter stands before it: "X4".
    """

    start: int
    end: int
    value: str
    spelt: bool = False
    name: bool = False


@dataclass(frozen=True)
class Measure:
    """A number and the unit or the currency that goes with it.

    Attributes:
        start: index of its first character.
        end: index after the last one.
        value: of the number.
        spelling: of the unit or currency.
        means: the units, or the currencies, that are spelt so; the likeliest first.
    """

    start: int
    end: int
    value: str
    spelling: str
    means: tuple[str, ...]


def numbers(text: str, words: Iterable[re.Match[str]], rules: Rules) -> list[Number]:
    """All numbers of the folded ``text``; ``words`` are the number words in it."""
    digits = [
        Number(match.start(), match.end(), value_of(match.group()), name=_after_a_letter(text, match))
        for match in NUMBER.finditer(text)
    ]
    return digits + list(_spelt_out(text, words, rules))


def quantities(text: str, found: Iterable[Number], rules: Rules) -> Iterator[Measure]:
    """Those of the numbers that a unit stands behind."""
    for number in found:
        if unit := rules.unit_behind.match(text, number.end):
            spelling = unit["what"]
            yield Measure(number.start, unit.end(), number.value, spelling, (rules.unit_of[spelling],))


def sums_of_money(text: str, found: Sequence[Number], rules: Rules) -> Iterator[Measure]:
    """Those of the numbers that a currency stands before or behind."""
    may_be_before = any(text[: number.start].rstrip(" ").endswith(rules.spelt_currencies) for number in found)
    before = {m.end(): m for m in rules.currency_before.finditer(text)} if may_be_before else {}
    for number in found:
        match = before.get(number.start)
        start, end = (match.start() if match else number.start), number.end
        if not match and not number.name and (match := rules.currency_behind.match(text, number.end)):
            end = match.end()  # not "V2 Buck"
        if match:
            spelling = match["what"]
            yield Measure(start, end, number.value, spelling, rules.currencies_of[spelling])


def _after_a_letter(text: str, number: re.Match[str]) -> bool:
    return text[number.start() - 1 : number.start()].isalpha()


def _spelt_out(text: str, words: Iterable[re.Match[str]], rules: Rules) -> Iterator[Number]:
    """Numbers in words, put together: "two hundred and fifty", "half a million"."""
    start, end, done, rest = 0, -1, 0.0, 0.0
    for word in words:
        value = rules.number_words[word.group()]
        joined = end >= 0 and _AND.fullmatch(text, end, word.start()) is not None
        if joined and value >= _THOUSAND:
            done, rest = done + rest * value, 0.0
        elif joined and value in (_HUNDRED, _DOZEN) and rest <= _HUNDRED:
            rest *= value
        elif joined and (value == _HALF or value < _least_digit(rest or done)):
            rest += value
        else:
            if end >= 0:
                yield Number(start, end, f"{done + rest:.12g}", spelt=True)
            start, done, rest = word.start(), 0.0, value
        end = word.end()
    if end >= 0:
        yield Number(start, end, f"{done + rest:.12g}", spelt=True)


def _least_digit(number: float) -> float:
    """What a further word must be less than: 10 for "forty", 100 for "two hundred", nothing for "four"."""
    return next((size for size in (1000.0, 100.0, 10.0) if number % size == 0), 0.0)
