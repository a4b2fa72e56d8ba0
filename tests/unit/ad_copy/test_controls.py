"""What a text is, read off it; and what a training prompt says of it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from adcraft.ad_copy.controls import Controls, audience_of, calls_to_act, controls_of, length_of, some_of
from adcraft.ad_copy.fields import Kind
from adcraft.ad_copy.sample_feed.products import products

ALL = Controls("subject", "long", "warm", True, "women", "en", ("cotton", "sleeves"))


@pytest.mark.parametrize(
    "text",
    [
        "Shop the Kurta",
        "Soft and warm: discover it",
        "It is here. Try it on!",
        "Want more? Get yours",
        "JETZT KAUFEN",
    ],
)
def test_a_call_to_action_is_a_verb_that_begins_a_clause(text: str) -> None:
    assert calls_to_act(text)


@pytest.mark.parametrize(
    "text", ["", "The coffee shop", "Let's go", "A pick-up for two", "Trying times", "In order"]
)
def test_other_texts_call_for_nothing(text: str) -> None:
    assert not calls_to_act(text)


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ("Shoes for Women", "women"),
        ("made for busy young parents", "parents"),
        ("for the whole family of dogs", ""),
        ("Women's shoes", "women"),
        ("The boys’ T-shirt", "boys"),
        ("One of the women's", ""),
        ("A good men", ""),
        ("for menders", ""),
    ],
)
def test_audience(text: str, audience: str) -> None:
    assert audience_of(text) == audience


@pytest.mark.parametrize(
    ("kind", "chars", "length"),
    [
        ("headline", 18, "short"),
        ("headline", 19, ""),
        ("headline", 25, "long"),
        ("body", 90, "short"),
        ("body", 130, "long"),
    ],
)
def test_length_is_among_texts_of_its_kind(kind: Kind, chars: int, length: str) -> None:
    assert length_of(kind, "x" * chars) == length


def test_what_is_true_of_a_text() -> None:
    record = {"brand": "Aera", "tone": "plain"}
    controls = controls_of("headline", "Meet the Aera cotton kurtas for women", record, "warm")
    words = ("cotton", "kurtas", "women")
    assert controls == Controls("headline", "long", "warm", True, "women", "en", words)


def test_each_control_is_given_often_and_left_out_often_with_every_other() -> None:
    said = [some_of(ALL, {"id": str(index)}, "A text") for index in range(2000)]
    assert {controls.kind for controls in said} == {"subject"}
    assert said == [some_of(ALL, {"id": str(index)}, "A text") for index in range(2000)]
    names = ("length", "tone", "action", "audience", "language", "including")
    for one, other in combinations(names, 2):
        pairs = Counter((bool(getattr(c, one)), bool(getattr(c, other))) for c in said)
        assert min(pairs[this, that] for this in (True, False) for that in (True, False)) > 100, (one, other)
    assert len({str(some_of(ALL, {"id": "1"}, str(text))) for text in range(50)}) > 10
    assert Counter(controls.including for controls in said).keys() == {(), ("cotton",), ("sleeves",)}


def test_the_sample_feed_has_calls_to_action_and_none() -> None:
    ads = [row.ad for row in products(500, seed=3)]
    assert 0.1 < sum(map(calls_to_act, ads)) / len(ads) < 0.6
