"""The baselines that a model must beat."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.baselines import NearestText, echo, template
from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.workload import Record

TRAINING: list[Record] = [
    {
        "product_name": "Aera Red Kurta",
        "brand": "Aera",
        "target": "Aera makes it soft and red",
        "price": "500",
    },
    {
        "product_name": "Solvex Steel Tea Pot",
        "brand": "Solvex",
        "target": "Tea from Solvex for 900",
        "price": "900",
    },
    {"product_name": "Desk Lamp", "target": "Light on your desk, 3 levels"},
    {"product_name": "Bag", "target": None},
    {"product_name": "2 Blue Socks of 40 cm", "target": "40 cm long, soft"},
]


def test_an_echo_is_the_name() -> None:
    assert echo([{"product_name": "Tea 5"}, {"product_name": None}, {}]) == ["Tea 5", "", ""]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (
            {"product_name": "Aera Red Kurta", "brand": "Aera"},
            "Red Kurta by Aera. Take a closer look and see all the details.",
        ),
        ({"product_name": "Desk Lamp"}, "Take a closer look at Desk Lamp, with all its details."),
        ({"product_name": "N" * 150}, "N" * 150),  # no sentence has room for it
        ({}, ""),
    ],
)
def test_the_template_has_the_products_values(record: Record, text: str) -> None:
    assert template([record, record]) == [text, text]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"product_name": "Nike Long Kurta", "brand": "Nike"}, "Nike makes it soft and red"),
        (
            {"product_name": "Glass Tea Pot", "brand": "Bo & Co", "price": "12.50"},
            "Tea from Bo & Co for 12.50",
        ),
        # what the asking product has no value for is left out, not copied
        ({"product_name": "Green Tea Pot", "brand": "Bo"}, "Tea from Bo"),
        ({"product_name": "Floor Lamp"}, "Light on your desk"),
        ({"product_name": "Big Bag"}, ""),
        # numbers change places with those of the product that asks
        ({"product_name": "3 Blue Socks of 35 cm"}, "35 cm long, soft"),
    ],
)
def test_the_nearest_text_speaks_of_the_product_that_asks(record: Record, text: str) -> None:
    assert NearestText(TRAINING, PROMPT_FIELDS).texts([record]) == [text]


def test_brand_and_price_do_not_make_products_alike() -> None:
    asked = {"product_name": "Aera Tea Pot", "brand": "Aera", "price": "500"}
    assert NearestText(TRAINING, PROMPT_FIELDS).texts([asked]) == ["Tea from Aera for 500"]


def test_many_products_keep_their_order() -> None:
    records: list[Record] = [{"product_name": "Kurta", "brand": "B"}, {"product_name": "Desk"}] * 300
    texts = NearestText(TRAINING, PROMPT_FIELDS).texts(records)
    assert texts == ["B makes it soft and red", "Light on your desk"] * 300
    assert NearestText(TRAINING, PROMPT_FIELDS).texts([]) == []


def test_only_the_fields_asked_for_count() -> None:
    asked = {"product_name": "Kurta", "description": "tea pot tea pot tea pot"}
    assert NearestText(TRAINING, ("product_name",)).texts([asked]) == ["makes it soft and red"]
