"""The data files: complete, and of lengths and forms that make good sentences."""

from random import Random

import pytest
from pydantic import ValidationError

from adcraft.ad_copy.data_files import read_folder
from adcraft.ad_copy.phrasing.english import Number
from adcraft.ad_copy.phrasing.templates import FACTS
from adcraft.ad_copy.phrasing.tones import tones
from adcraft.ad_copy.sample_feed.catalogue import CategoryEntry, catalogue

NUMBERS: tuple[Number, ...] = ("singular", "plural", "mass")


def test_breadth():
    categories = catalogue()
    assert len(categories) >= 14
    assert all(len(kinds) >= 6 for kinds in categories)
    nouns = [kind.facts["noun"] for kinds in categories for kind in kinds]
    assert len(set(nouns)) == len(nouns) >= 100


def test_facts_are_clean_text():
    for kind in (kind for kinds in catalogue() for kind in kinds):
        assert 0 < kind.price[0] < kind.price[1]
        for feature in kind.features:
            for facts in (*feature.first, *feature.second):
                assert all(
                    text and text == text.strip() and not set(text) & set("^{}/[]") for text in facts.values()
                )


@pytest.mark.parametrize("number", NUMBERS)
def test_every_first_sentence_has_a_second(number: Number):
    for tone in tones(number):
        assert len(tone.leads) >= 15
        assert all(len(group) >= 1 for group in (*tone.hooks, *tone.leads))
        assert all(opening.seconds for group in tone.leads for opening in group)


@pytest.mark.parametrize("number", NUMBERS)
def test_brand_and_price_are_said_at_most_once(number: Number):
    for tone in tones(number):
        for opening in (opening for group in tone.leads for opening in group):
            for second in (second for group in opening.seconds for second in group):
                ad = f"{opening.text} {second}"
                assert ad.count("{brand") == 1, ad
                assert ad.count("{price}") <= 1, ad
                assert ad.count("{title}") <= 1, ad


def test_an_ad_that_can_not_be_is_refused():
    facts = dict.fromkeys(FACTS, "x" * 200)
    with pytest.raises(ValueError, match="No plain ad of 60 to 158 characters"):
        next(tone for tone in tones("singular") if tone.name == "plain").write(facts, Random(1).random)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("noun", "a noun that is much too long for an ad"),
        ("number", "dual"),
        ("colour", "red"),
        ("features", {"a lid": "keeps steam in"}),
        ("price", [1.0]),
    ],
)
def test_a_wrong_entry_is_refused(field: str, value: object):
    entry = read_folder("adcraft.ad_copy.sample_feed", "categories")["kitchen"]
    entry["products"][0][field] = value
    with pytest.raises(ValidationError, match=field):
        CategoryEntry.model_validate(entry)
