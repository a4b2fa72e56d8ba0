"""Placements: the shipped data, and a shop's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.ad_copy.placements import load_placements, shipped_placements
from adcraft.errors import SettingsError

OWN = """
version: "7"
placements:
  billboard:
    title: Our own billboards
    source: https://shop.example/brand-book
    assets:
      line: {text: headline, least: 1, most: 2, hard: 20}
  x:
    title: X without a link
    source: https://shop.example/brand-book
    count: weighted
    assets:
      post: {text: body, hard: 280}
"""


def test_limits_of_the_platforms() -> None:
    limits = {
        f"{name}.{asset}": (rule.least, rule.most, rule.hard, rule.soft)
        for name, placement in shipped_placements().placements.items()
        for asset, rule in placement.assets.items()
    }
    assert limits["google_rsa.headline"] == (3, 15, 30, 0)
    assert limits["google_rsa.description"] == (2, 4, 90, 0)
    assert limits["google_rsa.path"] == (0, 2, 15, 0)
    assert limits["google_pmax.long_headline"] == (1, 5, 90, 0)
    assert limits["microsoft_rsa.headline"] == limits["google_rsa.headline"]
    assert limits["meta.primary_text"] == (1, 5, 0, 125)
    assert limits["meta.headline"] == (1, 5, 0, 40)
    assert limits["meta.description"] == (1, 5, 0, 30)
    assert {"creative", "linkedin", "pinterest", "x", "email"} < shipped_placements().placements.keys()


def test_every_placement_says_where_its_limits_are_stated() -> None:
    for name, placement in shipped_placements().placements.items():
        assert placement.source.startswith("https://") or name == "creative"


def test_a_limit_holds_for_wide_characters() -> None:
    google = shipped_placements().named("google_rsa")
    assert google.fits("headline", "\u65e5" * 15)
    assert not google.fits("headline", "\u65e5" * 15 + "a")
    assert google.fits("headline", "a" * 30)


def test_what_is_over_a_soft_limit_fits_but_is_not_shown_whole() -> None:
    meta = shipped_placements().named("meta")
    assert meta.fits("headline", "a" * 41)
    assert not meta.is_shown_whole("headline", "a" * 41)
    assert meta.is_shown_whole("headline", "a" * 40)
    linkedin = shipped_placements().named("linkedin")
    assert not linkedin.is_shown_whole("headline", "a" * 201)


def test_an_unknown_placement_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'google' is not known\. Known: creative, email, google_pmax,"):
        shipped_placements().named("google")


def test_a_shops_own_stand_beside_the_shipped_or_in_their_place(tmp_path: Path) -> None:
    file = tmp_path / "placements.yaml"
    file.write_text(OWN)
    both = load_placements(file)
    assert both.version == f"{shipped_placements().version}+7"
    assert both.named("billboard").assets["line"].hard == 20
    assert both.named("x").assets["post"].hard == 280
    assert shipped_placements().named("x").assets["post"].hard == 257
    assert both.named("meta") == shipped_placements().named("meta")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hard: 20", "hrad: 20", "placements.billboard.assets.line.hrad: Extra inputs"),
        ("hard: 20", "hard: '20'", "placements.billboard.assets.line.hard"),
        ("hard: 20", "hard: 20, soft: 30", "soft is 30 and hard 20"),
        ("least: 1, most: 2", "least: 3, most: 2", "least is 3 and most 2"),
        ("text: headline", "text: poem", "'headline', 'description', 'body'"),
        ("count: weighted", "count: bytes", "placements.x.count"),
        (OWN, "- 1", "not a mapping"),
        (OWN, "a: [", "can't be read"),
    ],
    ids=lambda value: value[:20],
)
def test_a_fault_in_the_file_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "placements.yaml"
    file.write_text(OWN.replace(old, new))
    with pytest.raises(SettingsError) as refused:
        load_placements(file)
    assert words in str(refused.value)
    assert str(file) in str(refused.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_placements(tmp_path / "none.yaml")
