"""Rows judged."""

from typing import Any

import numpy as np

from adcraft.data.columns import ColumnRules
from adcraft.data.refining import RefinedRows, RowRules
from adcraft.data.rows import Fault, RawRows, text_array
from adcraft.workloads import get_workload

WORKLOAD = get_workload("ad_copy")


def refine(rows: list[dict[str, str | None]], *, target: str = "", **options: Any) -> RefinedRows:
    header = tuple(dict.fromkeys(key for row in rows for key in row))
    columns = {key: text_array([row.get(key) for row in rows]) for key in header}
    rules = ColumnRules.of(WORKLOAD, {}).learning(target, header)
    raw = RawRows(len(rows), range(len(rows)), columns, options.pop("faults", []))
    return RowRules(WORKLOAD, rules, options.pop("target_chars", 60)).refine(raw)


def test_a_row_becomes_a_record() -> None:
    rows = refine(
        [{"SKU": "7", "Title": " Blue &amp; <b>red</b> shoe", "Price": "24.9", "ad": "Run in blue."}]
    )
    (row,) = rows.table.to_pylist()
    assert {name: value for name, value in row.items() if value} == {
        "id": "7",
        "product_name": "Blue & red shoe",
        "price": "24.90",
        "ad": "Run in blue.",
        "target": "Run in blue.",
        "target_field": "ad",
    }
    assert list(row) == [*(field.name for field in WORKLOAD.fields), "target", "target_field"]


def test_the_ad_is_learnt_else_the_description_cut_at_a_clause() -> None:
    long = "A shirt of soft cotton, with long sleeves and a collar, made to be worn for years and years."
    rows = refine(
        [
            {"title": "Shirt", "description": long, "ad": "Wear it."},
            {"title": "Shirt", "description": long, "ad": ""},
        ]
    )
    assert rows.table["target_field"].to_pylist() == ["ad", "description"]
    assert rows.table["target"].to_pylist() == [
        "Wear it.",
        "A shirt of soft cotton, with long sleeves and a collar",
    ]
    assert rows.table["description"].to_pylist() == [long, long]


def test_bad_rows_have_a_reason_and_their_source() -> None:
    rows = refine(
        [
            {"title": "", "ad": "Buy."},
            {"title": "Shoe", "ad": "Buy."},
            {"title": "x" * 301, "ad": "Buy."},
            {"title": "Hat", "ad": "n/a", "other": "kept for the eye"},
        ],
        faults=[],
    )
    assert [(f.position, f.reason, f.detail) for f in rows.faults] == [
        (0, "product_name is missing", "the cell is empty"),
        (2, "product_name is too long", "301 characters, at most 300"),
        (3, "no text to learn", "ad and description empty"),
    ]
    assert rows.faults[2].source == '{"title": "Hat", "ad": "n/a", "other": "kept for the eye"}'
    assert rows.positions.tolist() == [1]
    assert rows.count == 4


def test_faults_of_reading_go_along_in_order() -> None:
    header = {"title": text_array(["", "Shoe"]), "ad": text_array(["Buy.", "Buy."])}
    raw = RawRows(4, [1, 3], header, [Fault(2, "columns", "", ""), Fault(0, "columns", "", "")])
    rows = RowRules(WORKLOAD, ColumnRules.of(WORKLOAD, {}), 60).refine(raw)
    assert [fault.position for fault in rows.faults] == [0, 1, 2]
    assert rows.positions.tolist() == [3]


def test_values_of_another_kind_are_left_out_and_counted() -> None:
    rows = refine([{"title": "Shoe", "ad": "Buy.", "price": "call us", "rating": "4.1"}])
    assert rows.blanked == {"price": 1}
    assert rows.table["price"].to_pylist() == [None]
    assert rows.table["rating"].to_pylist() == ["4.1"]


def test_the_first_column_with_a_value_counts() -> None:
    rows = refine([{"title": "Shoe", "ad": "Buy.", "brand": "", "vendor": "Nike"}])
    assert rows.table["brand"].to_pylist() == ["Nike"]


def test_keys_ignore_case_ids_and_prices_and_nothing_else() -> None:
    shoe: dict[str, str | None] = {"id": "1", "title": "Shoe", "brand": "Nike", "ad": "Buy.", "price": "5"}
    others = [
        shoe | {"title": "SHOE"},
        shoe | {"id": "2", "price": "6"},
        shoe | {"ad": "Buy it."},
        shoe | {"brand": ""},
        shoe | {"id": ""},
    ]
    keys = refine([shoe, *others]).keys
    same = {name: (keys[name] == keys[name][0]).tolist() for name in ("high", "id", "name")}
    assert same == {
        "high": [True, True, True, False, False, True],
        "id": [True, True, False, True, True, False],
        "name": [True, True, True, True, False, True],
    }
    assert keys["id"][5] == 0
    assert np.array_equal(keys["high"] == keys["high"][0], keys["low"] == keys["low"][0])


def test_no_rows() -> None:
    assert refine([{"title": "", "ad": ""}]).table.num_rows == 0
    assert len(refine([{"title": "", "ad": ""}]).keys) == 0
