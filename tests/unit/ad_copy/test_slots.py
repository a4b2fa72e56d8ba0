"""Slots: what must stay verbatim goes in and comes out again, whatever the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcraft.ad_copy.slots import (
    BRAND,
    NAME,
    NUMBERS,
    PRICE,
    SLOT_TOKENS,
    Anchors,
    SlotError,
    delexicalise,
    lexicalise,
    price_spellings,
    tokens_in,
)

WORDS = ["W", "We", "Nike", "Nike Air", "Running Shoes", "T20", "A-1", "é", "Ⅷ", "٣", "½", "_", "x", "."]
NUMERALS = ["1299", "1,299", "1,299.00", "1299.00", "0.5", "12", "7", "1.2.3", "9" * 40, "₹1,299"]
MARKUP = ["<", ">", "\\", "<\\", "<\\\\", "brand>", "n1>", *SLOT_TOKENS, "<\\brand>", "<\\\\n24>", "<n25>"]
PIECES = st.one_of(st.sampled_from([*WORDS, *NUMERALS, *MARKUP, " ", ", ", "-", "\n"]), st.text(max_size=3))
TEXTS = st.lists(PIECES, max_size=30).map("".join)
PRICES = st.sampled_from(["", " ", "1299", "1,299", "₹1,299.00", "1299.5 INR", "0", "<price>", *NUMERALS])
NAMES = st.one_of(st.sampled_from(["", *WORDS, *MARKUP, *NUMERALS]), TEXTS)
ANCHORS = st.builds(Anchors, brand=NAMES, name=NAMES, price=st.one_of(PRICES, TEXTS))
SLOTS = st.dictionaries(st.sampled_from(SLOT_TOKENS), st.one_of(NAMES, PRICES), max_size=6)


@given(TEXTS, ANCHORS)
@example("<brand> is not a slot here, \\<brand> and <\\brand> neither", Anchors(brand="brand"))
@example("W makes We and W's W", Anchors(brand="W", name="W's W"))
@example("1299 1,299.00 12,99 ₹1,299", Anchors(price="₹1299"))
@example(" ".join(str(index) for index in range(40)), Anchors(price="39"))
def test_lexicalise_inverts_delexicalise(text: str, anchors: Anchors) -> None:
    template, slots = delexicalise(text, anchors)
    assert lexicalise(template, slots) == text
    assert set(tokens_in(template)) == slots.keys()


@given(st.text(), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_lexicalise_inverts_delexicalise_for_any_unicode(
    text: str, brand: str, name: str, price: str
) -> None:
    template, slots = delexicalise(text, Anchors(brand, name, price))
    assert lexicalise(template, slots) == text


@given(TEXTS, TEXTS, ANCHORS)
def test_source_and_target_share_their_slots(source: str, target: str, anchors: Anchors) -> None:
    source_template, slots = delexicalise(source, anchors)
    target_template, more = delexicalise(target, anchors, slots)
    assert slots.items() <= more.items()
    assert lexicalise(source_template, more) == source
    assert lexicalise(target_template, more) == target


@given(TEXTS, ANCHORS, SLOTS)
def test_slots_given_out_before_keep_their_values(
    text: str, anchors: Anchors, before: dict[str, str]
) -> None:
    template, slots = delexicalise(text, anchors, before)
    assert before.items() <= slots.items()
    assert lexicalise(template, slots) == text


@given(TEXTS)
def test_every_digit_lands_in_a_slot_while_there_are_slots(text: str) -> None:
    template, slots = delexicalise(text, Anchors())
    left = re.sub("|".join(SLOT_TOKENS), "", re.sub(r"<\\+n\d+>", "", template))
    if len(slots) < len(NUMBERS):
        assert not re.search(r"\d", left)


def test_a_product_becomes_a_template() -> None:
    template, slots = delexicalise(
        "Running Shoes by Nike, size 42, now $1,299.00 instead of 1,499. Nike!",
        Anchors(brand="Nike", name="Running Shoes", price="$1299"),
    )
    assert template == "<name> by <brand>, size <n1>, now <price> instead of <n2>. <brand>!"
    assert slots == {
        NAME: "Running Shoes",
        BRAND: "Nike",
        "<n1>": "42",
        PRICE: "$1,299.00",
        "<n2>": "1,499",
    }


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("W for We, Women and W_1", "<brand> for We, Women and W_<n1>"),
        ("(W)", "(<brand>)"),
        ("W's", "<brand>'s"),
        ("WW", "WW"),
        ("éW", "éW"),
        ("W-neck", "<brand>-neck"),
    ],
)
def test_an_anchor_is_a_whole_word(text: str, template: str) -> None:
    assert delexicalise(text, Anchors(brand="W"))[0] == template


def test_a_brand_inside_the_name_goes_with_the_name() -> None:
    anchors = Anchors(brand="Nike", name="Nike Air Max 90")
    template, slots = delexicalise("Nike Air Max 90: the best of Nike since 1990", anchors)
    assert template == "<name>: the best of <brand> since <n1>"
    assert slots[NAME] == "Nike Air Max 90"


def test_an_anchor_may_hold_what_spells_a_slot() -> None:
    anchors = Anchors(brand="<brand>", name="<n1> 5")
    template, slots = delexicalise("<brand> <n1> 5 <n1>", anchors)
    assert lexicalise(template, slots) == "<brand> <n1> 5 <n1>"


@pytest.mark.parametrize("spelt", ["<brand>", "<\\brand>", "<\\\\\\n24>", "<n1><\\n1>", "<<brand>>"])
def test_a_text_that_spells_a_slot_stays_a_text(spelt: str) -> None:
    template, slots = delexicalise(spelt, Anchors())
    assert not slots
    assert not tokens_in(template)
    assert lexicalise(template, {}) == spelt


def test_the_same_number_has_one_slot() -> None:
    template, slots = delexicalise("7 of 7 for 7 or 8", Anchors())
    assert template == "<n1> of <n1> for <n1> or <n2>"
    assert slots == {"<n1>": "7", "<n2>": "8"}


def test_numbers_past_the_last_slot_stay() -> None:
    text = " ".join(str(number) for number in range(30))
    template, slots = delexicalise(text, Anchors())
    assert tokens_in(template) == list(NUMBERS)
    assert template.endswith("<n24> 24 25 26 27 28 29")
    assert lexicalise(template, slots) == text


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("T20 and 20T", "T<n1> and <n1>T"),
        ("1,299.00.", "<n1>."),
        ("size 5, 6", "size <n1>, <n2>"),
        ("5.5x3", "<n1>x<n2>"),
        ("٣ kg", "<n1> kg"),
        ("1" * 40, "<n1><n2>"),
    ],
)
def test_a_number_with_its_separators_is_one_slot(text: str, template: str) -> None:
    assert delexicalise(text, Anchors())[0] == template


@pytest.mark.parametrize(
    ("price", "text", "template"),
    [
        ("1299", "1,299.00 or 1299.00 or 1,299", "<price> or <n1> or <n2>"),
        ("1299", "only 1299.", "only <price>."),
        ("1299", "12990 11299 1299.5 1299,5", "<n1> <n2> <n3> <n4>"),
        ("₹1299", "₹1,299, not 1299", "<price>, not <n1>"),
        ("24.90", "24.90 not 24", "<price> not <n1>"),
        ("free", "free, freed", "<price>, <price>d"),
        ("  ", "a  b 5", "a  b <n1>"),
    ],
)
def test_a_price_is_found_in_its_spellings(price: str, text: str, template: str) -> None:
    assert delexicalise(text, Anchors(price=price))[0] == template


def test_spellings_of_a_price() -> None:
    assert price_spellings("1299") == ["1,299.00", "1299.00", "1,299", "1299"]
    assert price_spellings("$1299.50") == ["$1,299.50", "$1299.50"]
    assert price_spellings("99") == ["99.00", "99"]
    assert price_spellings("") == [""]
    assert price_spellings("1.299,00") == ["1.299,00"]
    assert "9" * 20 in price_spellings("9" * 20)


def test_an_unknown_slot_is_an_error_that_names_it() -> None:
    with pytest.raises(SlotError, match=r"^No value for slot <n3>; known: <brand>, <n1>\.$"):
        lexicalise("<brand> <n3>", {BRAND: "Nike", "<n1>": "7"})
    with pytest.raises(SlotError, match="known: none"):
        lexicalise("<price>", {})


def test_values_go_in_verbatim() -> None:
    slots = {BRAND: r"\1 \g<0> <name>", NAME: "<n1>"}
    assert lexicalise("<brand> <name>", slots) == r"\1 \g<0> <name> <n1>"
