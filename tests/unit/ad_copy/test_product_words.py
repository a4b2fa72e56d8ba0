"""What a record's own words say of a product."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.phrasing.templates import FACTS
from adcraft.ad_copy.product_words import product_words


@pytest.mark.parametrize(
    ("name", "nouns", "number"),
    [
        (
            "Aera Women Blue & White Printed Straight Kurta with Jacket",
            ("kurta", "Straight Kurta", "Printed Straight Kurta"),
            "singular",
        ),
        ("Aera Men Round Neck T-shirt", ("T-shirt", "Round Neck T-shirt"), "singular"),
        ("Aera Slim Fit Jeans (Pack of 2)", ("jeans", "Slim Fit Jeans"), "plural"),
        ("Aera Maxi Dress", ("dress", "Maxi Dress"), "singular"),
        ("Aera Night suit LS0421R11XL", ("suit", "Night suit"), "singular"),
        ("Aera NM IDP Running Shoes", ("shoes", "Running Shoes"), "plural"),
        ("Aera Unisex Pack of 3 Cushion Covers", ("covers", "Cushion Covers"), "plural"),
        ("Aera Trolley Bag, 40 L", ("bag", "Trolley Bag"), "singular"),
    ],
)
def test_what_a_product_is(name: str, nouns: tuple[str, ...], number: str) -> None:
    words = product_words({"product_name": name, "brand": "Aera"})
    assert words is not None
    assert (words.nouns, words.number) == (nouns, number)


@pytest.mark.parametrize("name", ["", "Aera", "Aera SD-002", "Aera Women", "Aera 2 & 3", "Aera with Jacket"])
def test_a_name_that_does_not_show_what_it_is(name: str) -> None:
    assert product_words({"product_name": name, "brand": "Aera"}) is None


def test_words_that_the_description_has_in_lower_case_are_no_names() -> None:
    record = {"product_name": "Aera Wave Running Shoes", "brand": "Aera", "description": "Our running shoes."}
    words = product_words(record)
    assert words is not None
    assert words.nouns == ("shoes", "running shoes", "Wave Running Shoes")


@pytest.mark.parametrize(
    ("description", "features"),
    [
        (
            "Blue printed kurta, has a round neck, long sleeves, button placket and an attached lining",
            ("a round neck", "long sleeves", "a button placket", "an attached lining"),
        ),
        ("A pair of blue sandals, has regular styling, a slim heelCushioned footbed", ("a slim heel",)),
        ("The kurta with 3 pockets, a V-neck, and a hem that is your friend", ()),
        ("Comes with two straps. It has a printed kurta, and printed detail detail.", ()),
        ("Soft. " * 100 + "It has a round neck.", ()),
        ("", ()),
    ],
)
def test_features_are_short_noun_phrases_after_has_and_with(
    description: str, features: tuple[str, ...]
) -> None:
    words = product_words({"product_name": "Printed Kurta", "description": description})
    assert words is not None
    assert words.features == features


@pytest.mark.parametrize(
    ("name", "gender", "audience"),
    [
        ("Aera Women Kurta", None, "women's"),
        ("Aera Kurta", "Girls", "girls'"),
        ("Aera Men Kurta", "Women", "men's"),
        ("Aera Unisex Kurta", "Unisex", ""),
        ("Aera Kurta", None, ""),
    ],
)
def test_audience(name: str, gender: str | None, audience: str) -> None:
    words = product_words({"product_name": name, "brand": "Aera", "gender": gender})
    assert words is not None
    assert words.audience == audience
    assert words.title == "Kurta"


@given(
    st.lists(
        st.sampled_from(["Kurta", "Set", "with", "&", "Neck", "A-Line", "Women", "3", "Bras", "of"]),
        max_size=8,
    ).map(" ".join),
    st.booleans(),
    st.integers(0, 99),
)
def test_facts_fill_templates_with_words_of_the_record(name: str, featured: bool, seed: int) -> None:
    description = "It has a round neck, long sleeves"
    words = product_words({"product_name": name, "brand": "Ness", "description": description})
    if words is None:
        return
    facts = words.facts(Random(seed).random, featured=featured)
    assert facts.keys() <= FACTS
    assert {"noun", "a_noun", "short", "look_noun", "a_look_noun", "title"} <= facts.keys()
    assert ("f1" in facts) == featured
    assert facts["brands"] == "Ness'"
    known = f"{name} {description} a an women's".lower().split()
    for field in ("noun", "a_noun", "short", "look_noun", "a_look_noun"):
        assert set(facts[field].lower().replace(",", "").split()) <= set(known)
