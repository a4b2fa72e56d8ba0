"""Prompts and training pairs: what the model reads, what it learns, what a reader gets."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import example as instance
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.controls import Controls
from adcraft.ad_copy.fields import FIELDS, PROMPT_FIELDS
from adcraft.ad_copy.prompts import canonical, examples, finish, prompt
from adcraft.ad_copy.prompts import target_example as example
from adcraft.ad_copy.slots import SLOT_TOKENS, tokens_in
from adcraft.workload import Record

MYNTRA = Path(__file__).parents[4] / "shared" / "data" / "products" / "myntra_products_catalog.csv"
FIELD_NAMES = tuple(field.name for field in FIELDS)
WORDS = st.sampled_from(
    [
        "Nike",
        "W",
        "AND",
        "and",
        "5-pocket",
        "12",
        "1,299",
        "1299",
        "jeans",
        "Shoes",
        "by",
        ",",
        ".",
        "!",
        "-",
        "3x5",
    ]
)
VALUES = st.one_of(
    st.none(),
    st.lists(st.one_of(WORDS, st.sampled_from(SLOT_TOKENS), st.text(max_size=5)), max_size=8).map(" ".join),
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={**dict.fromkeys(FIELD_NAMES, VALUES), "target": VALUES, "target_field": st.just("description")},
)
KURTA: Record = {
    "product_name": "Aera Kurta 2",
    "brand": "Aera",
    "price": "1299",
    "color": "Red",
    "description": "Kurta of 2 parts, for 1,299",
    "rating": "4.5",
    "target": "Aera Kurta 2: red, soft.",
    "target_field": "ad",
}


def test_a_prompt_shows_name_brand_and_price_as_slots() -> None:
    made = prompt(KURTA, PROMPT_FIELDS)
    assert made.source == (
        "write: body | product: <name> <brand> Kurta <n1> | brand: <brand> | color: Red | price: <price>"
        " | description: Kurta of <n1> parts, for <n2>"
    )
    assert made.slots == {
        "<name>": "Aera Kurta 2",
        "<brand>": "Aera",
        "<price>": "1299",
        "<n1>": "2",
        "<n2>": "1,299",
    }


def test_a_prompt_shows_the_fields_asked_for_in_their_order() -> None:
    made = prompt(KURTA, ("rating", "color", "tone", "product_name"))
    assert made.source == "write: body | rating: <n1> | color: Red | product: <name> <brand> Kurta <n2>"


@pytest.mark.parametrize(
    ("record", "source"),
    [
        ({"product_name": "Nike", "brand": "Nike"}, "write: body | product: <name> | brand: <brand>"),
        ({"product_name": "501"}, "write: body | product: <name>"),
        ({"product_name": "Tea", "brand": None, "price": ""}, "write: body | product: <name> Tea"),
        ({"tone": "Playful"}, "write: body, playful"),
        ({}, "write: body"),
    ],
)
def test_a_prompt_of_little(record: Record, source: str) -> None:
    assert prompt(record, PROMPT_FIELDS).source == source


def test_a_prompt_says_what_is_wanted() -> None:
    wanted = Controls("headline", "short", "warm", False, "women", "en", ("soft cotton", "size 8"))
    made = prompt({"product_name": "Nike 8", "brand": "Nike"}, PROMPT_FIELDS, wanted, name=False)
    assert made.source == (
        "write: headline, short, warm, no action, for women, in en, with soft cotton, with size <n1>"
        " | product: <brand> <n1> | brand: <brand>"
    )
    assert made.slots == {"<brand>": "Nike", "<n1>": "8"}


def test_where_the_target_teaches_nothing_other_texts_are_not_taken_for_it() -> None:
    record = {"product_name": "Kurta", "target": "3 pieces", "headline": "Soft Kurta"}
    assert example(record, PROMPT_FIELDS) is None
    assert [pair.task for pair in examples(record, PROMPT_FIELDS)] == ["headline"]


def test_every_kind_of_text_of_a_record_is_taught() -> None:
    record = {**KURTA, "headline": "Soft Red Kurta", "ad_description": "Shop it.", "subject": "Red, by Aera"}
    taught = examples(record, PROMPT_FIELDS)
    assert [pair.target for pair in taught] == [
        "<name>: red, soft.",
        "Soft Red Kurta",
        "Shop it.",
        "Red, by <brand>",
    ]
    kinds = [pair.source.removeprefix("write: ").split(" | ")[0].split(", ")[0] for pair in taught]
    assert kinds == ["body", "headline", "description", "subject"]


@given(RECORDS)
def test_every_pair_of_a_record_keeps_to_its_source(record: Record) -> None:
    for pair in examples(record, PROMPT_FIELDS):
        assert set(tokens_in(pair.target)) <= {*tokens_in(pair.source), "<price>"}
        assert examples(record, PROMPT_FIELDS) == examples(record, PROMPT_FIELDS)


@given(RECORDS)
def test_every_slot_of_a_prompt_is_known(record: Record) -> None:
    made = prompt(record, PROMPT_FIELDS)
    assert set(tokens_in(made.source)) <= made.slots.keys()


@given(RECORDS)
@instance({"product_name": "Jeans", "target": "5-pocket jeans, 2 zips. 7 sizes, long. Soft"})
@instance({"product_name": "<n1>", "target": "<n1> <\\n1> 1 <brand>"})
@instance({"product_name": "x", "target": " ".join(map(str, range(50)))})
def test_a_target_has_no_digit_and_no_slot_that_the_source_does_not_give(record: Record) -> None:
    pair = example(record, PROMPT_FIELDS)
    if pair is None:
        return
    slots = prompt(
        record, tuple(field for field in PROMPT_FIELDS if field != record.get("target_field"))
    ).slots
    without_slots = re.sub("|".join(SLOT_TOKENS), "", re.sub(r"<\\+n\d+>", "", pair.target))
    assert pair.target
    assert set(tokens_in(pair.target)) <= slots.keys()
    assert not re.search(r"\d", without_slots)


@given(RECORDS)
def test_what_an_example_teaches_can_be_finished(record: Record) -> None:
    pair = example(record, PROMPT_FIELDS)
    if pair:
        finish(pair.target, prompt(record, PROMPT_FIELDS).slots)


def test_the_field_that_the_target_was_taken_from_is_not_shown() -> None:
    record = {**KURTA, "target": KURTA["description"], "target_field": "description"}
    pair = example(record, PROMPT_FIELDS)
    assert pair
    assert "description" not in pair.source
    assert "color: Red" in pair.source


def test_a_number_that_the_source_gives_is_learnt_as_its_slot() -> None:
    record = {
        "product_name": "Kurta",
        "attributes": "Pieces: 3",
        "target": "Kurta in 3 pieces, 9 colours, soft",
    }
    pair = example(record, PROMPT_FIELDS)
    assert pair
    assert pair.target == "<name> in <n1> pieces, soft"


@pytest.mark.parametrize(
    "target", [None, "", "Pack of 3", "3 pieces, soft and light", "Set content: 2 covers, red"]
)
def test_a_target_that_leans_on_an_unknown_number_teaches_nothing(target: str | None) -> None:
    assert example({"product_name": "Kurta", "target": target}, PROMPT_FIELDS) is None


def test_a_number_past_the_last_slot_is_not_learnt_either() -> None:
    numbers = ", ".join(str(number) for number in range(100, 130))
    record = {
        "product_name": "Kurta",
        "attributes": numbers,
        "target": "Kurta, soft, 100 buttons, 999 pockets",
    }
    pair = example(record, PROMPT_FIELDS)
    assert pair
    assert pair.target == "<name>, soft, <n1> buttons"


NAMES = st.lists(st.text("AZaz09é<>\\&'.-,n1brand", min_size=1, max_size=8), min_size=1, max_size=4).map(
    " ".join
)


@given(NAMES, NAMES, NAMES)
def test_brand_name_and_price_come_out_exact(name: str, brand: str, price: str) -> None:
    slots = prompt({"product_name": name, "brand": brand, "price": price}, PROMPT_FIELDS).slots
    assert finish("<brand> | <name> | <price>", slots) == f"{brand} | {name} | {price}"


def test_a_value_keeps_its_own_spaces() -> None:
    assert finish("Buy  <name> \n now ", {"<name>": "A  B"}) == "Buy A  B now"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("<name> in <n1> pieces, soft and light.", "Tea pieces, soft and light."),
        ("Fine <name>, only <price>, soft and light.", "Fine Tea, soft and light."),
        ("Fine <name>, soft, only <price>.", "Fine Tea, soft."),
        ("Fine <name>. Only <price>, today. Soft.", "Fine Tea. Soft."),
        ("Fine <n1>-layer <name>.", "Fine Tea."),
        ("Meet <name> by <brand>.", "Meet Tea."),
        ("Meet <brand>'s <name> for only <price>!", "Meet Tea!"),
        ("<brand> <name>", "Tea"),
        ("<brand>", ""),
        ("<br<n1>and> <name>", "Tea"),
        ("", ""),
    ],
)
def test_a_slot_without_a_value_goes_with_its_clause(template: str, text: str) -> None:
    assert finish(template, {"<name>": "Tea"}) == text


@given(
    st.lists(st.one_of(WORDS, st.sampled_from([*SLOT_TOKENS, "<br<n1>and>", "<", "n1>"])), max_size=15).map(
        " ".join
    ),
    st.dictionaries(st.sampled_from(SLOT_TOKENS), st.just("Tea"), max_size=4),
)
def test_finish_never_fails_and_leaves_no_slot(template: str, slots: dict[str, str]) -> None:
    assert not tokens_in(finish(template, slots))


@pytest.mark.parametrize(
    ("text", "record", "expected"),
    [
        ("NIKE shoes", {"brand": "Nike"}, "Nike shoes"),
        ("Our running shoes", {"product_name": "Running Shoes"}, "Our Running Shoes"),
        ("Aramis is here", {"brand": "aramis"}, "aramis is here"),
        ("NIKES and nikE", {"brand": "Nike"}, "NIKES and Nike"),
        ("sleeves, button closure, and flared hem", {"brand": "AND"}, None),
        ("for external use only", {"brand": "ONLY"}, None),
        ("vero moda for all", {"brand": "Vero Moda"}, "Vero Moda for all"),
        ("a w b", {"brand": "W"}, None),
        ("c:\\x", {"product_name": "C:\\X"}, "C:\\X"),
        ("now 1,299.00", {"price": "1299"}, "now 1299"),
        ("now 1,299.", {"price": "1299.00"}, "now 1299.00."),
        ("now 11,299 or 1,299,000", {"price": "1299"}, None),
        ("now 1299", {"price": None}, None),
    ],
)
def test_canonical_spelling(text: str, record: Record, expected: str | None) -> None:
    assert canonical(text, record) == (text if expected is None else expected)


def test_a_pair_has_the_canonical_spelling() -> None:
    record = {
        "product_name": "Running Shoes",
        "brand": "Nike",
        "price": "1299",
        "target": "NIKE running shoes at 1,299.00",
    }
    pair = example(record, PROMPT_FIELDS)
    assert pair
    assert pair.target == "<brand> <name> at <price>"


@pytest.mark.skipif(not MYNTRA.exists(), reason="the real Myntra feed is not on this machine")
def test_brand_of_a_real_feed_is_never_taken_for_a_conjunction() -> None:
    with MYNTRA.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ProductBrand"] in {"AND", "W"}][:100]
    assert len(rows) > 50
    for row in rows:
        record = {
            "product_name": row["ProductName"],
            "brand": row["ProductBrand"],
            "target": row["Description"],
        }
        pair = example(record, PROMPT_FIELDS)
        if pair and row["ProductBrand"] not in row["Description"]:
            assert "<brand>" not in pair.target
