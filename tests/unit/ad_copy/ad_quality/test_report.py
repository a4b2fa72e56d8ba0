"""The section on a model's ads: who is asked for what, and which answer counts for which question."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from adcraft.ad_copy.ad_quality import report
from adcraft.ad_copy.ad_quality.report import ads_section
from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.writing import Crew
from adcraft.settings import EvaluateSettings
from adcraft.workload import Record
from tests.ads import asset_copy

BUNDLE: Any = SimpleNamespace(
    manifest=SimpleNamespace(prompt=SimpleNamespace(values={"tone": ("Urgent", "odd")}))
)
TRAINING: list[Record] = [
    {"tone": tone, "target": text, "target_field": "headline"}
    for tone, text in (("urgent", "Now now!"), ("calm", "Slow, quiet."))
]
RECORDS: list[Record] = [
    {"product_key": str(number), "product_name": f"Lamp {number}", "target": "Lamp", "target_field": "ad"}
    for number in range(4)
]


def obedient(jobs: Sequence[tuple[Record, Brief]]) -> list[Ad]:
    """Ads of a model that does what it is told, and says nothing of it otherwise."""
    ads = []
    for record, brief in jobs:
        assets = shipped_placements().named(brief.placement).assets
        said = "Shop now" if brief.action else "Now now!" if brief.tone == "urgent" else "Lamp"
        long = f"{said} and a lot more beside it" if brief.length == "long" else said
        texts = [long, f"{record['product_name']} too"][: brief.variants or 2]
        ads.append(Ad(brief.placement, {name: asset_copy(texts, candidates={"": 2}) for name in assets}, ""))
    return ads


def section(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[Any, list[tuple[Record, Brief]]]:
    asked: list[tuple[Record, Brief]] = []

    def write(bundle: object, jobs: Sequence[tuple[Record, Brief]], *_: object) -> list[Ad]:
        asked.extend(jobs)
        return obedient(jobs)

    monkeypatch.setattr(report, "write_ads", write)
    made = ads_section(
        BUNDLE, RECORDS, TRAINING, EvaluateSettings(**settings), Crew(1, 1), "ad_copy version 2"
    )
    return made, asked


def test_ads_of_two_placements(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = section(monkeypatch, ad_products=2, ad_placements=["google_rsa", "meta"])
    assert made.about == (
        "For 2 test products, evenly spaced, ad_copy version 2 wrote ads for google_rsa, meta."
    )
    assert {record["product_name"] for record, _ in asked} == {"Lamp 0", "Lamp 2"}
    texts, candidates, variants, controls = made.tables
    assets = [("google_rsa", "headline"), ("google_rsa", "description")]
    assets += [("meta", "primary_text"), ("meta", "headline"), ("meta", "description")]
    for table in (texts, candidates, variants):
        assert [row.name for row in table.rows] == assets  # the path is not the model's
        assert {row.cells[0] for row in table.rows} == {4 if table is candidates else 2}
    figures = {row.name: row.cells for row in controls.rows}
    assert figures["google_rsa", "headline", "action"] == (2, 1, 2, 0, None)
    assert figures["google_rsa", "headline", "no action"] == (2, 1, 2, 1, None)
    assert figures["meta", "headline", "long"] == (2, 1, 2, 0, None)
    assert figures["meta", "headline", "urgent"] == (2, 1, 2, 0, None)
    names = {name[2] for name in figures}
    assert names == {"short", "long", "action", "no action", "urgent"}  # "odd" can't be told
    assert ("meta", "primary_text", "urgent") not in figures  # no body of it was there to learn from


def test_without_products_or_placements_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert section(monkeypatch, ad_products=0) == (None, [])
    assert section(monkeypatch, ad_placements=[]) == (None, [])
