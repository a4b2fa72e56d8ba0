"""The independent checker of copy: what it counts, and what it lets pass."""

from __future__ import annotations

import pytest

from adcraft.workload import Record
from benchmarks.copy_audit import characters, faults, words

RECORD: Record = {
    "id": "777",
    "product_name": "Women Red Printed Kurta",
    "brand": "Beluva",
    "price": "1299.50",
    "attributes": "Length: 110 cm; Pack: 2,000",
    "tone": "plain",
    "ad": "Gone at 55",
}
KNOWN = frozenset(words("a kurta by, and kurtas, for sunny days: the best of them, only now; bella"))


@pytest.mark.parametrize(
    ("text", "count", "length"),
    [
        ("Kurta", "double_width", 5),
        ("Über-Öl", "graphemes", 7),
        ("e\u0301a", "graphemes", 2),
        ("👩\u200d👩\u200d👧", "graphemes", 1),
        ("红色 Kurta", "double_width", 10),
        ("👍 a", "double_width", 4),
        ("♥️", "double_width", 2),
        ("ｱ", "double_width", 1),
        ("abc", "weighted", 3),
        ("红色 a", "weighted", 6),
        ("👩\u200d👩\u200d👧", "weighted", 2),
        ("“é”", "weighted", 3),
    ],
)
def test_characters(text: str, count: str, length: int) -> None:
    assert characters(text, count) == length


def test_a_way_to_count_that_nobody_has() -> None:
    with pytest.raises(ValueError, match="'bytes'"):
        characters("a", "bytes")


def found(text: str, record: Record = RECORD, hard: int = 0) -> list[tuple[str, str]]:
    return list(faults(text, record, KNOWN, hard=hard, count="double_width"))


@pytest.mark.parametrize(
    "text",
    [
        "Women Red Printed Kurta by Beluva",
        "WOMEN red kurta and kurtas",
        "Beluva's kurta: 110 cm for 1,299.5",
        "Bella, a kurta for sunny days",  # a word from training, although it is near the brand
        "2000 kurtas of 110cm",
        "the beluva kurta",
        "",
    ],
)
def test_what_is_without_fault(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("A kurta for sunn", ("broken_word", "sunn")),
        ("A kurta for 777", ("number", "777")),  # its id is no fact
        ("A kurta for 55", ("number", "55")),  # nor is its ad
        ("The best for 1.299", ("number", "1.299")),
        ("BELUVA kurta", ("misspelt", "BELUVA for Beluva")),
        ("Only BeLuva, now", ("misspelt", "BeLuva for Beluva")),
    ],
)
def test_one_fault(text: str, fault: tuple[str, str]) -> None:
    assert found(text) == [fault]


def test_a_brand_and_a_name_in_other_letters() -> None:
    assert found("A Beluvva kurta") == [("broken_word", "beluvva"), ("misspelt", "Beluvva for Beluva")]
    assert found("Woman Red Prined Kurta,") == [
        ("broken_word", "woman"),
        ("broken_word", "prined"),
        ("misspelt", "Woman Red Prined Kurta for Women Red Printed Kurta"),
    ]


def test_plural_and_singular_of_a_word_of_the_record_are_no_broken_words() -> None:
    record = {"product_name": "Kurta", "brand": "Beluva", "description": "A candle for many tasks."}
    assert found("A candles for a task", record) == []
    assert found("A candless", record) == [("broken_word", "candless")]


def test_a_brand_of_few_letters_resembles_too_much() -> None:
    assert found("A kurta of Bo", {"brand": "Bos", "product_name": "Kurta Bo"}) == []


def test_more_than_is_accepted() -> None:
    assert found("A kurta", hard=7) == []
    assert found("A kurtas", hard=7) == [("over_limit", "8 of 7")]
    assert found("红红红红", {"product_name": "红红红红"}, hard=7) == [("over_limit", "8 of 7")]
