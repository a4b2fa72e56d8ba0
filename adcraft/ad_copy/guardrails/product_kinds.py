"""Kinds of product, by the nouns that name them (``product_kinds.yaml``)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from adcraft.ad_copy.languages import function_words

LONGEST = 3
"""Words of a noun."""


class ProductKinds(BaseModel):
    """``product_kinds.yaml``.

    Attributes:
        groups: by name, nouns that may stand for one another.
        ambiguous: nouns that say nothing in copy, since they are words for much else.
        presenting: verbs and greetings that present what stands behind them.
        companions: words that say that what stands behind them goes along with the product.
        verbs: other words that are part of no noun, nor of what describes it.
        measures: nouns that "of" follows: a pair of.
        modifiers: words that describe a noun although they look like verbs.
        describing: words behind a noun that go on about it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    groups: dict[str, list[str]]
    ambiguous: frozenset[str]
    presenting: frozenset[str]
    companions: frozenset[str]
    verbs: frozenset[str]
    measures: frozenset[str]
    modifiers: frozenset[str]
    describing: frozenset[str]

    @functools.cached_property
    def groups_of(self) -> Mapping[str, frozenset[str]]:
        """Noun, in the singular and the plural, to its groups."""
        found: dict[str, set[str]] = {}
        for group, nouns in self.groups.items():
            for form in (form for noun in nouns for form in _forms(noun)):
                found.setdefault(form, set()).add(group)
        return {form: frozenset(groups) for form, groups in found.items()}

    @functools.cached_property
    def telling(self) -> frozenset[str]:
        """Nouns, in the singular and the plural, that are not ambiguous."""
        ambiguous = {form for noun in self.ambiguous for form in _forms(noun)}
        return frozenset(self.groups_of.keys() - ambiguous)

    @functools.cached_property
    def first_words(self) -> frozenset[str]:
        """Those of all nouns."""
        return frozenset(noun.split(" ", 1)[0] for noun in self.groups_of)

    @functools.cached_property
    def last_words(self) -> frozenset[str]:
        """Those of the telling nouns."""
        return frozenset(noun.rsplit(" ", 1)[-1] for noun in self.telling)

    @functools.cached_property
    def followers(self) -> frozenset[str]:
        """Words behind a noun that are no part of it."""
        return function_words()["en"] | self.verbs | self.describing

    @functools.cached_property
    def no_modifiers(self) -> frozenset[str]:
        """Words that describe no noun."""
        return (self.followers | self.presenting | self.companions) - self.modifiers

    def named_in(self, words: Sequence[str]) -> frozenset[str]:
        """The groups of all nouns among ``words``, folded."""
        found: set[str] = set()
        for index, word in enumerate(words):
            for length in range(1, LONGEST + 1) if word in self.first_words else ():
                found.update(self.groups_of.get(" ".join(words[index : index + length]), ()))
        return frozenset(found)


def _forms(noun: str) -> Iterator[str]:
    """The noun, and its plural unless it is one."""
    yield noun
    if noun.endswith("s") and not noun.endswith("ss"):
        return
    if noun.endswith(("s", "x", "ch", "sh")):
        yield f"{noun}es"
    elif noun.endswith("y") and noun[-2] not in "aeiou":
        yield f"{noun[:-1]}ies"
    else:
        yield f"{noun}s"
    if noun.endswith("f"):
        yield f"{noun[:-1]}ves"


@functools.cache
def shipped_product_kinds() -> ProductKinds:
    """Those that come with Adcraft."""
    tree = yaml.safe_load((resources.files(__package__) / "product_kinds.yaml").read_text("utf-8"))
    sets = {key: frozenset(words) for key, words in tree.items() if key != "groups"}
    return ProductKinds.model_validate(tree | sets)
