"""The figures of each asset, beside figures worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from adcraft.ad_copy.ad_quality.assets import (
    FACT_RULES,
    Copies,
    candidates_table,
    texts_table,
    variants_table,
)
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.grounding import ungrounded
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.decision.evaluation_section import Table
from adcraft.workload import Record
from tests.ads import asset_copy

KURTA: Record = {"brand": "Aera", "product_name": "Red Kurta"}
LAMP: Record = {"brand": "Bo", "product_name": "Desk Lamp"}
HEADLINE, NONE = ("google_rsa", "headline"), ("google_rsa", "description")
COPIES: Copies = {
    HEADLINE: [
        (
            KURTA,
            asset_copy(
                ["Aera Red Kurta", "AERA it is", "ab"],
                ["ac"],
                {"": 6, "length": 2, "length number": 1, "brand": 1},
            ),
        ),
        (LAMP, asset_copy(["A desk lamp"], candidates={"": 1, "length": 1})),
    ],
    NONE: [(KURTA, asset_copy([]))],
}


def cells(table: Table) -> Any:
    return [row.cells for row in table.rows]


def test_texts_given_out() -> None:
    table = texts_table(COPIES)
    assert [row.name for row in table.rows] == [HEADLINE, NONE]
    assert cells(table) == [(2, 5, 1 / 5, 2, 1, 2, 1), (1, 0, None, 0, 0, 0, 0)]


def test_all_that_the_model_wrote() -> None:
    assert cells(candidates_table(COPIES)) == [
        (12, 8 / 12, 10 / 12, 7 / 12, "length 4, number 1, brand 1"),
        (0, None, None, None, ""),
    ]


def test_how_variants_differ() -> None:
    pair = {HEADLINE: [(KURTA, asset_copy(["ab"], ["ac"])), (LAMP, asset_copy(["one"]))]}
    assert cells(variants_table(pair)) == [(1, 0, 0, pytest.approx(1 / 4), 0)]
    again = {HEADLINE: [(KURTA, asset_copy(["a b c", "a b d"])), (LAMP, asset_copy(["x y", "X y"]))]}
    [(products, pairs, *_, identical)] = cells(variants_table(again))
    assert (products, identical) == (2, 1)
    assert pairs == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert cells(variants_table(COPIES))[1] == (0, None, None, None, None)


def test_fact_rules_are_all_that_grounding_can_find() -> None:
    rules = shipped_rules()
    record: Record = {"brand": "Lexville", "product_name": "Lamp 20 cm", "price": "5"}
    text = "The best Lexvile lamp: 50% off, 20 kg, $7, in size XL, 99 of them"
    folded = fold(text)
    found = ungrounded(text, folded, rules.scanner.scan(folded), Facts.of(record, rules), rules)
    assert {finding.rule for finding in found} == FACT_RULES
