"""What can be sold: the kinds of product in ``categories/*.yaml``, checked and made ready to write about.

Everything that depends on the kind of product alone (verb forms, articles, title case) is worked out
once here, as *facts*: names that a template may use, with their text. Writing a row then only picks.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adcraft.ad_copy.data_files import read_folder
from adcraft.ad_copy.phrasing.english import (
    Number,
    article,
    finite,
    indefinite,
    infinitive,
    title_case,
    without_article,
)
from adcraft.ad_copy.phrasing.templates import Facts

# What fits an ad of 158 characters: longer phrases would make most sentences too long to use.
_Noun = Annotated[str, StringConstraints(min_length=2, max_length=24)]
_Look = Annotated[str, StringConstraints(min_length=2, max_length=26)]
_Phrase = Annotated[str, StringConstraints(min_length=2, max_length=40)]
_Benefits = Annotated[str, StringConstraints(pattern=r"^\^[^/]{2,48} / \^[^/]{2,48}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MeasureEntry(_Strict):
    """A figure of a product: its name, its values, and how a sentence says it."""

    name: str
    values: list[str] = Field(min_length=2)
    phrase: str = ""
    in_title: bool = True


class ProductEntry(_Strict):
    """One kind of product, as its YAML file has it.

    ``looks`` are words that stand before the noun, in this order. Benefits are verb phrases that
    hold both for the product and for the feature they belong to, two a feature.
    """

    noun: _Noun
    short: _Noun = ""
    number: Number = "singular"
    price: list[float] = Field(min_length=2, max_length=2)
    looks: dict[str, Annotated[list[_Look], Field(min_length=2)]] = Field(min_length=2, max_length=2)
    measure: MeasureEntry
    features: dict[_Phrase, _Benefits] = Field(min_length=3)
    plural_features: dict[_Phrase, _Benefits] = {}
    uses: list[_Phrase] = Field(min_length=3)


class CategoryEntry(_Strict):
    """One file of ``categories``."""

    name: str
    models: bool = False
    products: list[ProductEntry] = Field(min_length=3)


@dataclass(frozen=True)
class Look:
    """One way in which a product looks: its attributes, its words for a title, and facts."""

    attributes: tuple[str, ...]
    title: str
    facts: Facts


@dataclass(frozen=True)
class Measure:
    """One value of a product's figure."""

    attribute: str
    title: str
    facts: Facts


@dataclass(frozen=True)
class Feature:
    """One feature.

    ``first`` and ``second`` hold its facts under the names f1... and f2..., a mapping a benefit.
    """

    phrase: str
    bare: str
    title: str
    first: tuple[Facts, ...]
    second: tuple[Facts, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of product, ready to write about."""

    number: Number
    category: str
    has_model_codes: bool
    title: str
    price: tuple[float, float]
    looks: tuple[Look, ...]
    measures: tuple[Measure, ...]
    features: tuple[Feature, ...]
    uses: tuple[str, ...]
    facts: Facts


@functools.cache
def catalogue() -> tuple[tuple[Kind, ...], ...]:
    """Every category, each as its kinds of product, in the order of the files' names.

    Raises:
        pydantic.ValidationError: a file of ``categories`` is not as ``CategoryEntry`` says.
    """
    entries = [
        CategoryEntry.model_validate(tree)
        for tree in read_folder("adcraft.ad_copy.sample_feed", "categories").values()
    ]
    return tuple(tuple(_kind(category, product) for product in category.products) for category in entries)


def _kind(category: CategoryEntry, entry: ProductEntry) -> Kind:
    low, high = entry.price
    singular = [_feature(entry.number, "singular", *item) for item in entry.features.items()]
    plural = [_feature(entry.number, "plural", *item) for item in entry.plural_features.items()]
    return Kind(
        number=entry.number,
        category=category.name,
        has_model_codes=category.models,
        title=title_case(entry.noun),
        price=(low, high),
        looks=tuple(_looks(entry)),
        measures=tuple(_measure(entry.measure, value) for value in entry.measure.values),
        features=(*singular, *plural),
        uses=tuple(entry.uses),
        facts={
            "noun": entry.noun,
            "a_noun": indefinite(entry.noun, entry.number),
            "short": entry.short or entry.noun,
        },
    )


def _looks(entry: ProductEntry) -> list[Look]:
    """Every pair of looks; a text then mentions the first, the second, or both."""
    (first, firsts), (second, seconds) = entry.looks.items()
    found = []
    for one, other in itertools.product(firsts, seconds):
        attributes = (f"{first}: {one}", f"{second}: {other}")
        for words, in_title in ((one, other), (other, one), (f"{one} {other}", one)):
            look_noun = f"{words} {entry.noun}"
            facts = {
                "look_noun": look_noun,
                "a_look_noun": indefinite(look_noun, entry.number),
            }
            found.append(Look(attributes, title_case(in_title), facts))
    return found


def _measure(entry: MeasureEntry, value: str) -> Measure:
    name = entry.name[0].lower() + entry.name[1:]
    phrase = entry.phrase or f"with {indefinite(name, 'singular')} of {{}}"
    phrase = phrase.replace("a {}", f"{article(value)} {{}}")
    return Measure(
        attribute=f"{entry.name}: {value}",
        title=value if entry.in_title else "",
        facts={"figure": value, "figure_name": name, "size": phrase.format(value)},
    )


def _feature(product: Number, number: Number, phrase: str, benefits: str) -> Feature:
    bare = without_article(phrase)

    def facts(place: int, benefit: str) -> Facts:
        return {
            f"f{place}": phrase,
            f"f{place}_bare": bare,
            f"f{place}_does": finite(benefit, number),
            f"does{place}": finite(benefit, product),
            f"do{place}": infinitive(benefit),
        }

    choices = benefits.split(" / ")
    return Feature(
        phrase=phrase,
        bare=bare,
        title=title_case(bare),
        first=tuple(facts(1, benefit) for benefit in choices),
        second=tuple(facts(2, benefit) for benefit in choices),
    )
