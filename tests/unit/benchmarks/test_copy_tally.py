"""The counts of an audit, and what they come to."""

from __future__ import annotations

import pytest

from benchmarks.copy_tally import Tally, entries, likeness, rows
from tests.ads import asset_copy


def tally() -> Tally:
    made = Tally()
    made.add(asset_copy(["ab", "ab"], ["cd"]), asked=True)
    made.add(asset_copy(["ab"]), asked=True)
    made.add(asset_copy(["Kurtas", "Aera"]), asked=False)
    made.faults.update(["number", "number", "over_limit"])
    return made


def test_likeness_is_the_mean_over_pairs() -> None:
    assert likeness(["ab", "ab", "cd"]) == pytest.approx(1 / 3)


def test_a_row_of_counts() -> None:
    assert rows({("sample", "meta headline"): tally()}) == [
        {
            "feed": "sample",
            "asset": "meta headline",
            "texts": 6,
            "templates": 1 / 4,
            "likeness": pytest.approx(1 / 3),
            "identical": 1,
            "over_limit": 1,
            "broken_word": 0,
            "misspelt": 0,
            "number": 2,
        }
    ]
    [empty] = rows({("sample", "meta headline"): Tally()})
    assert (empty["templates"], empty["likeness"]) == (None, None)


def test_figures_and_their_goals() -> None:
    clean = Tally()
    clean.add(asset_copy(["ab", "cd"]), asked=True)
    made = entries({("sample", "a"): clean, ("sample", "b"): clean, ("shop", "a"): tally()}, "sample")
    found = {entry.claim: (entry.value, entry.met) for entry in made}
    assert found == {
        "texts over a hard limit, of 10": (1, False),
        "texts with a broken word, of 10": (0, True),
        "texts with a misspelt brand or name, of 10": (0, True),
        "texts with a number that the record does not have, of 10": (2, False),
        "texts of one product and asset that are identical": (1, False),
        "mean likeness of a product's texts, sample": (0, True),
        "mean likeness of a product's texts, shop": (pytest.approx(1 / 3), True),
        "share of templates, sample": (0, True),
        "share of templates, shop": (1 / 4, None),
    }
    assert made[0].peers == {"sample": 0, "shop": 1}
