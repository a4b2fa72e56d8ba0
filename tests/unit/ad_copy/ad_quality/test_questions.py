"""Which products are asked about, and for what."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.ad_quality.questions import audience_in, questions, sampled
from adcraft.ad_copy.ad_quality.tone_reader import ToneReader
from adcraft.workload import Record


def product(number: int, field: str = "ad") -> Record:
    return {
        "product_key": f"p{number}",
        "product_name": f"Kurta {number}",
        "tone": "warm",
        "description": f"Description {number}",
        "ad": f"Ad {number}",
        "target": "Text",
        "target_field": field,
    }


@pytest.mark.parametrize(
    ("wanted", "names"), [(1, [0]), (2, [0, 5]), (3, [0, 3, 6]), (10, [*range(10)]), (99, [*range(10)])]
)
def test_products_are_evenly_spaced(wanted: int, names: list[int]) -> None:
    records = [product(number) for number in range(10) for _ in range(2)]
    assert [record["product_name"] for record in sampled(records, wanted)] == [f"Kurta {n}" for n in names]


def test_the_text_to_learn_and_its_tone_are_not_shown() -> None:
    [of_ad] = sampled([product(1)], 1)
    [of_description] = sampled([product(1, "description")], 1)
    assert "ad" not in of_ad
    assert of_ad["description"] == "Description 1"
    assert "description" not in of_description
    assert of_ad["tone"] is None


@pytest.mark.parametrize(
    ("record", "audience"),
    [
        ({"gender": "Women", "product_name": "Kurta for men"}, "women"),
        ({"gender": "Unisex Kids", "product_name": "Socks"}, "kids"),
        ({"gender": None, "product_name": "Aera Men Shirt"}, "men"),
        ({"product_name": "Shirt for the Mention"}, ""),
        ({}, ""),
    ],
)
def test_the_audience_that_a_record_names(record: Record, audience: str) -> None:
    assert audience_in(record) == audience


def asked(record: Record, *tones: str) -> dict[str, tuple[bool | None, ...]]:
    """By control: whether each of these texts obeys."""
    training = [
        {"tone": tone, "target": text, "target_field": "headline"}
        for tone, text in (("urgent", "Now now now!"), ("calm", "Slow, quiet."))
    ]
    texts = ("Shop Now!", "A quiet headline for women, not at all short, and slow")
    return {
        question.name: tuple(question.holds("headline", text) for text in texts)
        for question in questions(record, tones, ToneReader(training))
    }


def test_each_control_is_asked_for_and_read() -> None:
    assert asked({"gender": "Women"}, "urgent", "calm") == {
        "short": (True, False),
        "long": (False, True),
        "action": (True, False),
        "no action": (False, True),
        "audience": (False, True),
        "urgent": (True, False),
        "calm": (False, True),
    }


def test_who_is_not_named_is_not_asked_for_and_an_unknown_tone_can_not_be_told() -> None:
    found = asked({"product_name": "Lamp"}, "grim")
    assert "audience" not in found
    assert found["grim"] == (None, None)


def test_one_text_is_asked_for_and_nothing_else() -> None:
    briefs = {q.name: q.brief for q in questions({"gender": "Men"}, ["warm"], ToneReader([]))}
    assert {brief.variants for brief in briefs.values()} == {1}
    assert (briefs["short"].length, briefs["long"].length) == ("short", "long")
    assert (briefs["action"].action, briefs["no action"].action) == (True, False)
    assert (briefs["audience"].audience, briefs["warm"].tone) == ("men", "warm")
    assert (briefs["short"].action, briefs["warm"].length, briefs["action"].tone) == (None, "", "")
