"""Cells by the kind of their field, and values of JSON and Arrow."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.data.values import VALUE_OF_KIND, cell_text, flatten
from adcraft.workload import FieldKind


@pytest.mark.parametrize(
    "cell", [None, "", "  ", "NaN", "null", "None", "N/A", "-", "&nbsp;", "<br>", "[]", "{}"]
)
def test_nothing(cell: str | None) -> None:
    assert cell_text(cell) is None


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("W", "W"),
        ("Nan's Bread", "Nan's Bread"),
        ('["Home >> Kitchen"]', "Home >> Kitchen"),
        ('{"Fabric": "Cotton", "Sizes": ["S", "M"]}', "Fabric: Cotton; Sizes: S, M"),
        (
            '{"product_specification"=>[{"key"=>"Type", "value"=>"Eyelet"}, {"value"=>"Steel"}]}',
            "Type: Eyelet; value: Steel",
        ),
        ("[Pack of 2] Towels", "[Pack of 2] Towels"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_cells(cell: str, text: str) -> None:
    assert cell_text(cell) == text


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        ("price", "1899.0", "1899"),
        ("price", "24.9", "24.90"),
        ("price", "24.95", "24.95"),
        ("price", "₹1,299", "₹1,299"),
        ("price", "Rs. 899", "Rs. 899"),
        ("price", "call us", None),
        ("price", "-5", None),
        ("price", "€ -5", None),
        ("number", "4.1", "4.1"),
        ("number", "No rating available", None),
        ("timestamp", "2016-04-30 03:22:56 +0000", "2016-04-30T03:22:56+00:00"),
        ("timestamp", "2016-04-30", "2016-04-30T00:00:00"),
        ("timestamp", "Sat, 30 Apr 2016 03:22:56 GMT", "2016-04-30T03:22:56+00:00"),
        ("timestamp", "1461986576", "2016-04-30T03:22:56+00:00"),
        ("timestamp", "1461986576000", "2016-04-30T03:22:56+00:00"),
        ("timestamp", "03/04/24", None),
        ("text", "anything", "anything"),
    ],
)
def test_kinds(kind: FieldKind, text: str, kept: str | None) -> None:
    assert VALUE_OF_KIND[kind](text) == kept


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1899.0, "1899"),
        (0.5, "0.5"),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, str(10**400)),
        (Decimal("12.50"), "12.50"),
        (Decimal("12.00"), "12"),
        (True, "yes"),
        (b"png", None),
        (dt.date(2024, 3, 1), "2024-03-01"),
        ([{"key": "Fit", "value": "Slim"}, {"key": "Wash", "value": None}], "Fit: Slim; Wash"),
        ({"a": {"b": [1, 2.0]}, "c": None}, "a: b: 1, 2"),
        ([], None),
    ],
)
def test_flatten(value: object, text: str | None) -> None:
    assert flatten(value) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON)
def test_anything_flattens(value: object) -> None:
    text = flatten(value)
    assert text is None or isinstance(text, str)
    cell_text(json.dumps(value))


def test_deep_nesting_ends() -> None:
    value: object = "x"
    for _ in range(500):
        value = [value]
    assert flatten(value) is None
