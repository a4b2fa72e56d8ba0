"""How copies spell brand and name."""

from __future__ import annotations

import pytest

from adcraft.ad_copy.naming import Naming, naming


@pytest.mark.parametrize(
    ("copy", "brand", "name"),
    [
        ("Meet the Aero 3 by NorÐik™.", (1, 1), (1, 1)),
        ("Meet the AERO 3 by norðik™.", (1, 0), (1, 0)),
        ("The Aero 3 is the aero 3.", (0, 0), (1, 0)),
        ("Aero 30, by NorÐik™s", (0, 0), (0, 0)),
        ("Nothing of it.", (0, 0), (0, 0)),
    ],
)
def test_named_and_exact(copy: str, brand: tuple[int, int], name: tuple[int, int]) -> None:
    record = {"brand": "NorÐik™", "product_name": "Aero 3"}
    assert naming([copy], [record]) == {"brand": Naming(*brand), "product_name": Naming(*name)}


def test_an_ordinary_word_is_not_the_brand() -> None:
    copies = ["Your only dress.", "A dress by ONLY.", "A dress by Only."]
    found = naming(copies, [{"brand": "ONLY", "product_name": None}] * 3)
    assert found == {"brand": Naming(2, 1), "product_name": Naming(0, 0)}
