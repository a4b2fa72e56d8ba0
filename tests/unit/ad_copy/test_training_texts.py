"""Which texts a record teaches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.guardrails.check import check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.phrasing.tones import tone_names
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.training_texts import TrainingText, headline_from_name, texts_of
from adcraft.workload import Record

DESCRIPTION = (
    "Red straight kurta of soft cotton, has a round neck, long sleeves, and a flared hem. Wear it daily."
)
GERMAN = (
    "Rotes Kleid aus weicher Baumwolle, mit rundem Ausschnitt und langen Ärmeln. Ein Kleid für den Sommer."
)
MYNTRA: Record = {
    "product_name": "Aera Women Red Printed Straight Kurta",
    "brand": "Aera",
    "gender": "Women",
    "description": DESCRIPTION,
    "target": DESCRIPTION,
    "target_field": "description",
}


def many(record: Record) -> list[TrainingText]:
    """What a hundred such records teach beside their targets."""
    return [text for index in range(100) for text in texts_of({**record, "id": str(index)})[1:]]


def test_texts_of_their_own() -> None:
    record = {
        "target": "An ad.",
        "target_field": "ad",
        "ad": "An ad. Uncut.",
        "headline": "A Headline",
        "ad_description": "A description.",
        "subject": "A subject",
        "tone": "warm",
        "description": DESCRIPTION,
        "product_name": "Kurta",
    }
    assert texts_of(record) == [
        TrainingText("body", "An ad.", "warm", frozenset({"ad"})),
        TrainingText("headline", "A Headline", "warm"),
        TrainingText("description", "A description.", "warm"),
        TrainingText("subject", "A subject", "warm"),
    ]


def test_a_target_may_be_a_headline() -> None:
    record = {"target": "Soft Kurta", "target_field": "headline"}
    assert texts_of(record) == [TrainingText("headline", "Soft Kurta", "", frozenset({"headline"}))]


def test_the_target_is_first_and_its_prompt_does_not_show_it() -> None:
    first = texts_of(MYNTRA)[0]
    assert first == TrainingText("body", DESCRIPTION, "", frozenset({"description"}))


def test_descriptions_alone_teach_texts_of_every_kind_in_every_tone() -> None:
    taught = many(MYNTRA)
    assert {text.kind for text in taught} == {"headline", "description", "body", "subject"}
    for kind in ("headline", "description", "subject"):
        of_kind = [text for text in taught if text.kind == kind]
        assert {text.tone for text in of_kind} == set(tone_names())
        assert len({text.text for text in of_kind}) > 20
    assert all(len(text.text) <= 30 for text in taught if text.kind == "headline")
    assert all(len(text.text) <= 90 for text in taught if text.kind == "description")


def test_what_is_phrased_says_only_what_its_prompt_shows() -> None:
    shown, hidden = frozenset[str](), frozenset({"description"})
    taught = many(MYNTRA)
    for text in taught:
        brandless = text.hidden & {"brand"}
        said = " ".join(re.findall(r"[a-z]+", text.text.lower()))
        featured = any(words in said for words in ("round neck", "long sleeves", "flared hem"))
        assert not (featured and text.hidden & hidden), text
        assert not brandless or "by Aera" not in text.text, text
        assert "kurta" in said or "aera" in said, text
    assert {text.hidden for text in taught if text.kind != "body"} == {
        shown,
        hidden,
        frozenset({"brand"}),
        frozenset({"brand", "description"}),
    }
    assert all("description" not in text.hidden for text in taught if text.kind == "body")


def test_a_kind_that_the_feed_has_is_not_phrased() -> None:
    taught = many({**MYNTRA, "headline": "Wear Red"})
    assert {text.text for text in taught if text.kind == "headline"} == {"Wear Red"}
    ads = many({**MYNTRA, "target": "An ad.", "target_field": "ad"})
    assert not [text for text in ads if text.kind == "body"]
    assert {text.kind for text in ads} == {"headline", "description", "subject"}


def test_other_languages_are_not_phrased_in_english() -> None:
    record = {**MYNTRA, "product_name": "Aera Kleid Rot Gestreift", "description": GERMAN, "target": GERMAN}
    assert {(text.kind, text.text) for text in many(record)} == {
        ("headline", "Aera Kleid Rot Gestreift"),
        ("description", "Rotes Kleid aus weicher Baumwolle, mit rundem Ausschnitt und langen Ärmeln."),
        ("body", GERMAN),
    }
    assert many({**record, "description": "1 x USB-C", "target": "1 x USB-C"}) == []


def test_every_run_is_taught_the_same() -> None:
    assert texts_of(MYNTRA) == texts_of(dict(MYNTRA))


def test_what_is_phrased_breaks_no_rule() -> None:
    rules, placements = shipped_rules(), shipped_placements()
    where = {"headline": ("google_rsa", "headline"), "description": ("google_rsa", "description")}
    facts = Facts.of(MYNTRA, rules)
    refused = [
        text.text
        for text in many(MYNTRA)
        if text.kind in where
        and not check(
            text.text, facts, rules, placements.named(where[text.kind][0]), where[text.kind][1]
        ).passed
    ]
    assert not refused


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
