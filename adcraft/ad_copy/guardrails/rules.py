"""The rules as they stand in ``rules.yaml``, checked and compiled."""

from __future__ import annotations

import functools
import re
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Claim(_Data):
    """What must stand in the record where copy says it."""

    why: str
    patterns: list[str] = Field(min_length=1)

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the patterns, as whole words."""
        return whole_words("|".join(self.patterns))


class Capitals(_Data):
    """Words in capitals."""

    usual: frozenset[str]
    shouted: frozenset[str]


class Rules(_Data):
    """All rules."""

    version: str
    claims: dict[str, Claim]
    number_words: dict[str, float]
    number_idioms: str
    units: dict[str, list[str]]
    currencies: str
    brands: frozenset[str]
    capitals: Capitals
    gimmicks: str
    personal: dict[str, str]
    function_words: dict[str, frozenset[str]]

    @functools.cached_property
    def quantity(self) -> re.Pattern[str]:
        """A number and its unit: groups ``number`` and ``unit``."""
        spellings = [spelling for unit in self.units.values() for spelling in unit]
        longest_first = "|".join(sorted(map(_spelling, spellings), key=len, reverse=True))
        return re.compile(rf"(?P<number>\d(?:[\d.,]*\d)?)[ -]?(?P<unit>{longest_first})")

    @functools.cached_property
    def amount(self) -> re.Pattern[str]:
        """A sum of money, its currency before or after the number: groups ``before``, ``after``."""
        number = r"\d(?:[\d.,]*\d)?"
        return re.compile(
            rf"(?P<currency>(?<!\w)(?:{self.currencies})) ?(?P<before>{number})"
            rf"|(?P<after>{number}) ?(?P<behind>(?:{self.currencies})(?!\w))"
        )

    @functools.cached_property
    def number_word(self) -> re.Pattern[str]:
        """One of the number words."""
        return whole_words("|".join(self.number_words))

    @functools.cached_property
    def number_idiom(self) -> re.Pattern[str]:
        """Where a number word is none."""
        return whole_words(self.number_idioms)

    @functools.cached_property
    def gimmick(self) -> re.Pattern[str]:
        """A spelling of chats."""
        return whole_words(self.gimmicks)

    @functools.cached_property
    def personal_data(self) -> dict[str, re.Pattern[str]]:
        """By kind."""
        return {kind: re.compile(pattern) for kind, pattern in self.personal.items()}

    @functools.cached_property
    def languages_of(self) -> dict[str, list[str]]:
        """Function word to the languages that have it."""
        found: dict[str, list[str]] = {}
        for language, words in self.function_words.items():
            for word in words:
                found.setdefault(word, []).append(language)
        return found

    @functools.cached_property
    def _unit_of(self) -> list[tuple[str, re.Pattern[str]]]:
        return [
            (unit, re.compile("|".join(map(_spelling, spellings)))) for unit, spellings in self.units.items()
        ]

    def unit(self, spelling: str) -> str:
        """The unit that ``spelling`` stands for.

        Raises:
            KeyError: none; ``quantity`` finds no such one.
        """
        for unit, pattern in self._unit_of:
            if pattern.fullmatch(spelling):
                return unit
        raise KeyError(spelling)


def whole_words(pattern: str) -> re.Pattern[str]:
    """``pattern`` where no word goes on before or after it."""
    return re.compile(rf"(?<![\w]){'(?:' + pattern + ')'}(?!\w)")


def _spelling(spelling: str) -> str:
    """A spelling as a pattern: letters end a word, signs do not."""
    return (
        rf"{spelling}(?![^\W\d_])" if spelling[-1].isalpha() or spelling[-1] == "?" else re.escape(spelling)
    )


@functools.cache
def shipped_rules() -> Rules:
    """Those that come with Adcraft."""
    text = (resources.files(__package__) / "rules.yaml").read_text("utf-8")
    tree = yaml.safe_load(text)
    for key in ("usual", "shouted"):
        tree["capitals"][key] = frozenset(tree["capitals"][key])
    tree["brands"] = frozenset(tree["brands"])
    tree["number_words"] = {word: float(value) for word, value in tree["number_words"].items()}
    tree["function_words"] = {tag: frozenset(words) for tag, words in tree["function_words"].items()}
    return Rules.model_validate(tree)
