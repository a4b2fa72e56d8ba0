"""Columns are cleaned as their cells would be."""

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcraft.data.column_cleaning import clean_column, column_of_kind
from adcraft.data.rows import text_array
from adcraft.data.values import NULLS, VALUE_OF_KIND, cell_text
from adcraft.workload import FieldKind

PIECES = st.sampled_from(
    [*NULLS, " ", "a", "B", "é", "<b>", "&amp;", "&#1234567890;", "&", ";", "[", "{", "]", "\n", "\0", "\x7f",
     "\u200b", "1", ".", "0", "-", "€", "2016-04-30"]
)  # fmt: skip
CELLS = st.lists(st.none() | st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=8), max_size=12)


@given(CELLS)
@example(["NaN", "nAn", "nan ", " ", "", None, "N/A", "&hellip;", "&#x20;", "a  b"])
def test_cleaning(cells: list[str | None]) -> None:
    column = text_array(cells)
    assert clean_column(column).to_pylist() == [cell_text(cell) for cell in column.to_pylist()]


@given(CELLS, st.sampled_from(get_args(FieldKind)))
def test_kinds(cells: list[str | None], kind: FieldKind) -> None:
    cleaned = clean_column(text_array(cells))
    expected = [value if value is None else VALUE_OF_KIND[kind](value) for value in cleaned.to_pylist()]
    kept, blanked = column_of_kind(cleaned, kind)
    assert kept.to_pylist() == expected
    assert blanked == sum(
        new is None is not old for old, new in zip(cleaned.to_pylist(), expected, strict=True)
    )


@pytest.mark.parametrize("cells", [[], [None], [None, None]])
def test_nothing(cells: list[str | None]) -> None:
    assert clean_column(text_array(cells)).to_pylist() == cells
