"""The rules as they stand in ``rules.yaml``, checked and compiled."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from adcraft.ad_copy.guardrails.product_kinds import ProductKinds, shipped_product_kinds
from adcraft.ad_copy.guardrails.scanning import Scanner, whole_words
from adcraft.ad_copy.languages import languages_of


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Claim(_Data):
    """What must stand in the record where copy says it."""

    why: str
    in_other_words: bool = False
    patterns: list[str] = Field(min_length=1)

    @functools.cached_property
    def _whole(self) -> list[re.Pattern[str]]:
        return [whole_words(pattern) for pattern in self.patterns]

    def said_in(self, words: str, claim: str) -> bool:
        """Whether a record's ``words`` have what one of the patterns finds in ``claim``, in other words."""
        return self.in_other_words and any(
            pattern.search(words) for pattern in self._whole if pattern.search(claim)
        )


class Sizes(_Data):
    """How sizes are named."""

    why: str
    one: str
    before: str
    between: str
    patterns: list[str] = Field(min_length=1)

    @functools.cached_property
    def all(self) -> list[str]:
        """The patterns, and that of a list of sizes."""
        return [rf"(?:{self.before}):? (?:{self.one})(?:(?:{self.between})(?:{self.one}))*", *self.patterns]

    @functools.cached_property
    def token(self) -> re.Pattern[str]:
        """One size."""
        return whole_words(self.one)

    @functools.cached_property
    def filler(self) -> re.Pattern[str]:
        """What may stand beside sizes in a list of them."""
        return re.compile(rf"(?:{self.before}|{self.between}|[ :])*")


class Contact(_Data):
    """One kind of personal data."""

    sign: str = ""
    words: list[str] = []
    digits: int = 0
    patterns: list[str] = Field(min_length=1)

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the patterns."""
        return re.compile("|".join(self.patterns))

    @functools.cached_property
    def _sign(self) -> re.Pattern[str]:
        return re.compile(self.sign)

    def may_be_in(self, text: str, tokens: Collection[str], digits: int) -> bool:
        """Whether it is worth while to look for it in a folded text with these tokens and so many digits."""
        if digits < self.digits:
            return False
        has_sign = (self.sign or not self.words) and self._sign.search(text)
        return bool(has_sign) or any(word in tokens for word in self.words)


class Capitals(_Data):
    """Words in capitals."""

    usual: frozenset[str]
    shouted: frozenset[str]


class Rules(_Data):
    """All rules."""

    version: str
    claims: dict[str, Claim]
    sizes: Sizes
    number_words: dict[str, float]
    number_idioms: list[str]
    units: dict[str, list[str]]
    currencies: dict[str, list[str]]
    brands: frozenset[str]
    brands_that_are_words: frozenset[str]
    capitals: Capitals
    gimmicks: list[str]
    personal: dict[str, Contact]
    unfinished: dict[str, list[str]]
    finished: dict[str, list[str]]
    product_kinds: ProductKinds
    common_words: frozenset[str]

    @functools.cached_property
    def scanner(self) -> Scanner:
        """Finds claims (by their rule), ``size``, ``gimmick``, ``number_word`` and ``number_idiom``."""
        return Scanner(
            {
                **{rule: claim.patterns for rule, claim in self.claims.items()},
                "size": self.sizes.all,
                "gimmick": self.gimmicks,
                "number_word": self.number_words,
                "number_idiom": self.number_idioms,
            }
        )

    @functools.cached_property
    def unit_of(self) -> dict[str, str]:
        """Spelling to unit."""
        return {spelling: unit for unit, forms in self.units.items() for spelling in _spellings(forms)}

    @functools.cached_property
    def unit_behind(self) -> re.Pattern[str]:
        """A unit (group ``what``) right behind a number. A word such as "in" is none before another word."""
        function_words = languages_of()
        words = [rf"{re.escape(unit)}(?! ?[^\W\d_])" for unit in self.unit_of if unit in function_words]
        units = [unit for unit in self.unit_of if unit not in function_words]
        letters = _longest_first(unit for unit in units if unit[-1].isalpha())
        signs = _longest_first(unit for unit in units if not unit[-1].isalpha())
        return re.compile(rf"[ -]?(?P<what>(?:{letters})(?![^\W\d_])|{signs}|{'|'.join(words)})")

    @functools.cached_property
    def currencies_of(self) -> dict[str, tuple[str, ...]]:
        """Spelling to the currencies that are written so, the likeliest first."""
        found: dict[str, tuple[str, ...]] = {}
        for currency, forms in self.currencies.items():
            for spelling in _spellings(forms):
                found[spelling] = (*found.get(spelling, ()), currency)
        return found

    @functools.cached_property
    def spelt_currencies(self) -> tuple[str, ...]:
        """All spellings of currencies."""
        return tuple(self.currencies_of)

    @functools.cached_property
    def currency_before(self) -> re.Pattern[str]:
        """A currency (group ``what``) right before a number."""
        return re.compile(rf"(?<!\w)(?P<what>{_longest_first(self.currencies_of)}) ?(?=\d)")

    @functools.cached_property
    def currency_behind(self) -> re.Pattern[str]:
        """The same right behind one."""
        return re.compile(rf"[ -]?(?P<what>{_longest_first(self.currencies_of)})(?!\w)")

    @functools.cached_property
    def signs_of_contact(self) -> re.Pattern[str]:
        """The signs of the kinds of personal data that need no digit."""
        signs = (kind.sign for kind in self.personal.values() if not kind.digits and kind.sign)
        return re.compile("|".join(signs))

    @functools.cached_property
    def words_of_contact(self) -> frozenset[str]:
        """Their words."""
        return frozenset(word for kind in self.personal.values() if not kind.digits for word in kind.words)

    @functools.cached_property
    def unfinished_end(self) -> dict[str, re.Pattern[str]]:
        """By language: the end of a text that lacks what should follow."""
        return _ends(self.unfinished)

    @functools.cached_property
    def finished_end(self) -> dict[str, re.Pattern[str]]:
        """By language: an end that only looks like one of those."""
        return _ends(self.finished)


def _spellings(forms: Iterable[str]) -> list[str]:
    optional = [(form[:-2], form[:-1]) if form.endswith("?") else (form,) for form in forms]
    return [spelling for both in optional for spelling in both]


def _ends(words_of: Mapping[str, Sequence[str]]) -> dict[str, re.Pattern[str]]:
    return {
        language: re.compile(rf"(?:^|\s)(?:{'|'.join(words)})[\s.…!]*$", re.IGNORECASE)
        for language, words in words_of.items()
    }


def _longest_first(spellings: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))


@functools.cache
def shipped_rules() -> Rules:
    """Those that come with Adcraft."""
    tree = _read("rules.yaml") | _read("common_words.yaml")
    for key in ("usual", "shouted"):
        tree["capitals"][key] = frozenset(tree["capitals"][key])
    for key in ("brands", "brands_that_are_words", "common_words"):
        tree[key] = frozenset(tree[key])
    tree["number_words"] = {word: float(value) for word, value in tree["number_words"].items()}
    return Rules.model_validate(tree | {"product_kinds": shipped_product_kinds()})


def _read(name: str) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load((resources.files(__package__) / name).read_text("utf-8"))
    return tree
