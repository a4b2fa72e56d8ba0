"""Words that a model should not have written."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.learnt_words import strange_words, unrelated
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.inference.lexicon import Lexicon

RECORD = {"product_name": "Bandhgala Kurtas", "brand": "O'Zari", "description": "It has a round-neck."}
LEXICON = Lexicon(
    known=frozenset({"enjoy", "the", "collar", "neck", "has", "round", "and"}),
    drawn={"headline": frozenset({"collar", "neck"})},
)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("Enjoy the Bandhgala", []),
        ("Enjoy the kurta's Round Neck, O'Zari", []),  # the record has kurtas, round-neck and O'Zari
        ("Enjoy the Bandgala", [("unknown_word", "Bandgala")]),
        ("Enjoy the Collar and contors", [("foreign_word", "Collar"), ("unknown_word", "contors")]),
        ("Enjoy the kurtass", [("unknown_word", "kurtass")]),
        ("X 12 x", []),
        ("", []),
    ],
)
def test_words_of_neither_record_nor_training(text: str, findings: list[tuple[str, str]]) -> None:
    facts = Facts.of(RECORD, shipped_rules())
    found = list(strange_words(text, facts, LEXICON, "headline"))
    assert [(one.rule, one.found) for one in found] == findings
    assert all(text[one.start : one.end] == one.found for one in found)


def test_words_are_drawn_from_the_record_by_task() -> None:
    facts = Facts.of(RECORD, shipped_rules())
    assert not list(strange_words("The collar", facts, LEXICON, "body"))


def test_a_model_that_has_read_more_may_know_any_word() -> None:
    facts = Facts.of(RECORD, shipped_rules())
    assert not list(strange_words("Serendipity", facts, Lexicon(), "headline"))
    drawn = Lexicon(drawn={"headline": frozenset({"collar"})})
    found = list(strange_words("Serendipitous Collar", facts, drawn, "headline"))
    assert [one.rule for one in found] == ["foreign_word"]


@pytest.mark.parametrize(
    ("text", "related"),
    [
        ("Enjoy the kurta", True),
        ("Enjoy O'Zari", True),
        ("Meet HP", True),
        ("8 cm", True),
        ("新しい靴です", True),
        ("Meet", False),
        (", Now", False),
        ("And You", False),
        ("Take a Closer Look", False),
        ("9 cm", False),
        ("新しい服です", False),
    ],
)
def test_a_text_names_something_of_the_record(text: str, related: bool) -> None:
    record = {**RECORD, "category": "HP 靴", "attributes": "Length: 8 cm"}
    found = list(unrelated(text, Facts.of(record, shipped_rules())))
    assert [one.rule for one in found] == ([] if related else ["unrelated"])
