"""Whole columns, cleaned as ``values`` cleans cells.

Most cells are clean. One scan by Arrow finds those that might not be, and only they become Python text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from adcraft.data.rows import text_array
from adcraft.data.values import NULLS, VALUE_OF_KIND, cell_text
from adcraft.workload import FieldKind

# In RE2's language. It may find cells that turn out clean; it must not miss one that is not.
_MAYBE_UNCLEAN = "|".join(
    [
        r"[^ -~]",
        r"  |^ | $",
        r"<",
        r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);",
        r"^[\[{]",
        rf"^(?i:{'|'.join(re.escape(word) for word in sorted(NULLS))})$",
    ]
)
_AS_IT_STAYS: dict[FieldKind, str] = {"price": r"^[0-9]+$", "number": r"^[0-9]+(?:\.[0-9]+)?$"}


def clean_column(cells: pa.StringArray) -> pa.StringArray:
    """``cell_text`` of every cell."""
    return _changed_where(cells, pc.match_substring_regex(cells, _MAYBE_UNCLEAN), cell_text)


def column_of_kind(values: pa.StringArray, kind: FieldKind) -> tuple[pa.StringArray, int]:
    """Cleaned values as their kind is kept; and how many were not of it and so were left out."""
    if kind in ("text", "attributes"):
        return values, 0
    as_kind = VALUE_OF_KIND[kind]
    pattern = _AS_IT_STAYS.get(kind)
    doubtful = pc.invert(pc.match_substring_regex(values, pattern)) if pattern else values.is_valid()
    kept = _changed_where(values, doubtful, as_kind)
    return kept, kept.null_count - values.null_count


def _changed_where(
    values: pa.StringArray, mask: pa.BooleanArray, change: Callable[[str], str | None]
) -> pa.StringArray:
    """``values`` with ``change`` applied where ``mask`` is true, once to each different text."""
    mask = pc.fill_null(mask, fill_value=False)
    found = values.filter(mask).to_numpy(zero_copy_only=False).tolist()
    if not found:
        return values
    changed = {text: change(text) for text in set(found)}
    return pc.replace_with_mask(values, mask, text_array([changed[text] for text in found]))
