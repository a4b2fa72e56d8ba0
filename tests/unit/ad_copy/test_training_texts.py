"""Which texts a record teaches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.training_texts import headline_from_name, texts_of
from adcraft.workload import Record

DESCRIPTION = (
    "Red straight kurta of soft cotton, has a round neck, long sleeves, and a flared hem. Wear it daily."
)
MYNTRA: Record = {
    "product_name": "Aera Women Red Printed Straight Kurta",
    "brand": "Aera",
    "target": DESCRIPTION,
    "target_field": "description",
}


def test_texts_of_their_own() -> None:
    record = {
        "target": "An ad.",
        "target_field": "ad",
        "ad": "An ad. Uncut.",
        "headline": "A Headline",
        "subject": "",
    }
    assert texts_of(record) == [("body", "An ad."), ("headline", "A Headline")]


def test_a_target_may_be_a_headline() -> None:
    assert texts_of({"target": "Soft Kurta", "target_field": "headline"}) == [("headline", "Soft Kurta")]


def test_descriptions_alone_teach_shorter_texts_too() -> None:
    taught = [texts_of({**MYNTRA, "id": str(index)}) for index in range(100)]
    assert all(texts[0] == ("body", DESCRIPTION) for texts in taught)
    assert {text for texts in taught for text in texts[1:]} == {
        (
            "description",
            "Red straight kurta of soft cotton, has a round neck, long sleeves, and a flared hem.",
        ),
        ("headline", "Red Printed Straight Kurta"),
        ("headline", "Aera Printed Straight Kurta"),
    }


def test_nothing_to_learn() -> None:
    assert texts_of({"product_name": "Kurta"}) == []


@pytest.mark.parametrize(
    ("name", "brand", "headline"),
    [
        ("Nike Men Pacer Wave Running Shoes", "", "Men Pacer Wave Running Shoes"),
        ("Nike Men Pacer Wave Running Shoes", "Nike", "Nike Pacer Wave Running Shoes"),
        ("Organiser for Desk and Drawer at Home", "", "Desk and Drawer at Home"),
        ("Shoes", "Nike", ""),
        ("Phone 13 (128 GB)", "", ""),
        ("Wristwatch NL25019WM01", "Titan", ""),
        ("", "", ""),
    ],
)
def test_headline_from_a_name(name: str, brand: str, headline: str) -> None:
    assert headline_from_name(name, brand, 30) == headline


@given(
    st.lists(st.sampled_from(["Kurta", "for", "12", "&", "A-Line", "Extraordinarily"]), max_size=9).map(
        " ".join
    )
)
def test_a_headline_is_whole_words_of_the_name_and_fits(name: str) -> None:
    headline = headline_from_name(name, "Aera", 30)
    assert len(headline) <= 30
    assert not headline or name.endswith(headline.removeprefix("Aera "))
