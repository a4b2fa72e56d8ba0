"""Raw rows to rows that can be kept: fields found, cleaned, checked, the text to learn chosen."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_digest, xxh3_128_digest

from adcraft.data.column_cleaning import clean_column, column_of_kind
from adcraft.data.columns import ColumnRules
from adcraft.data.rows import Fault, RawRows, shown_source, text_array
from adcraft.workload import FieldSpec, Workload

TARGET, TARGET_FIELD, PRODUCT_KEY, SOURCE_ROW = "target", "target_field", "product_key", "source_row"

KEY_TYPE = np.dtype([("high", "<u8"), ("low", "<u8"), ("id", "<u8"), ("name", "<u8")])
"""What a row is compared by, 32 bytes: 128 bits of its identity, 64 of its id (0: it has none), and 64
of its product's name and brand."""

Reason = tuple[str, str]
"""What is counted, and what was wrong with this very row."""

# Variants of a product share their texts, and to cut a text takes longer than all else that is done to a
# row. So many texts are remembered in each worker, about 20 MB.
_REMEMBERED = 32_768


def counted_columns(workload: Workload) -> tuple[str, ...]:
    """Columns whose values the manifest lists."""
    return (TARGET_FIELD, *(spec.name for spec in workload.fields if spec.counted))


def refined_schema(workload: Workload) -> pa.Schema:
    """Of ``RefinedRows.table``: the fields, the target, the field that it was taken from."""
    names = [spec.name for spec in workload.fields]
    return pa.schema([(name, pa.string()) for name in (*names, TARGET, TARGET_FIELD)])


@dataclass(frozen=True)
class RefinedRows:
    """One chunk's rows, judged.

    Attributes:
        count: rows that the chunk had: those in ``table`` and those in ``faults``.
        positions: of the good rows in their chunk, int32.
        table: the good rows.
        keys: of the good rows, of ``KEY_TYPE``.
        faults: the bad rows.
        blanked: field to values that were left out, since they were not of the field's kind.
    """

    count: int
    positions: npt.NDArray[np.int32]
    table: pa.Table
    keys: npt.NDArray[np.void]
    faults: list[Fault]
    blanked: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class RowRules:
    """What makes a row good.

    Attributes:
        workload: gives the fields, the cut of the target, and what identifies a product.
        columns: which columns hold the fields.
        target_chars: a longer target is cut.
    """

    workload: Workload
    columns: ColumnRules
    target_chars: int

    def refine(self, raw: RawRows) -> RefinedRows:
        """Judge the rows of one chunk."""
        size = len(raw.positions)
        found = self.columns.recognise(tuple(raw.columns))
        reasons: dict[int, Reason] = {}
        blanked: Counter[str] = Counter()
        fields: dict[str, pa.StringArray] = {}
        for spec in self.workload.fields:
            values = _values([raw.columns[column] for column in found.get(spec.name, ())], size)
            fields[spec.name], blanked[spec.name] = column_of_kind(values, spec.kind)
            _check(fields[spec.name], spec, reasons)
        targets, target_fields = self._targets(fields, reasons, size)
        table = pa.table(
            {**fields, TARGET: targets, TARGET_FIELD: target_fields}, refined_schema(self.workload)
        )
        positions = np.asarray(raw.positions, np.int32)
        if reasons:
            good = np.setdiff1d(np.arange(size), list(reasons))
            table, positions = table.take(pa.array(good)), positions[good]
        faults = [
            Fault(raw.positions[index], *reason, _source(raw, index)) for index, reason in reasons.items()
        ]
        return RefinedRows(
            count=raw.count,
            positions=positions,
            table=table,
            keys=self._keys(table),
            faults=sorted([*raw.faults, *faults], key=lambda fault: fault.position),
            blanked=+blanked,
        )

    def _targets(
        self, fields: Mapping[str, pa.StringArray], reasons: dict[int, Reason], size: int
    ) -> tuple[pa.StringArray, pa.StringArray]:
        """The text to learn of each row and its field; rows without one get a reason, unless nothing is to be
        learnt.
        """
        if not self.columns.target_fields:
            return pa.nulls(size, pa.string()), pa.nulls(size, pa.string())
        limit, shorten = self.target_chars, self.workload.shorten
        targets: list[str | None] = [None] * size
        target_fields: list[str | None] = [None] * size
        wanted: Sequence[int] = [index for index in range(size) if index not in reasons]
        for name in self.columns.target_fields:
            texts = fields[name].to_numpy(zero_copy_only=False).tolist()
            missing = []
            for index in wanted:
                text = texts[index]
                if text and (short := _shortened(shorten, limit, text)):
                    targets[index], target_fields[index] = short, name
                else:
                    missing.append(index)
            wanted = missing
        for index in wanted:
            reasons[index] = ("no text to learn", f"{' and '.join(self.columns.target_fields)} empty")
        return text_array(targets), text_array(target_fields)

    def _keys(self, table: pa.Table) -> npt.NDArray[np.void]:
        identity = [spec.name for spec in self.workload.fields if spec.identity]
        keys = np.zeros(table.num_rows, KEY_TYPE)
        whole = text_hashes(table.select(identity), 128).reshape(-1, 2)
        keys["high"], keys["low"] = whole[:, 0], whole[:, 1]
        keys["name"] = text_hashes(
            table.select([self.workload.product_name, self.workload.product_brand]), 64
        )
        keys["id"] = np.where(table["id"].is_valid(), text_hashes(table.select(["id"]), 64), 0)
        return keys


@functools.lru_cache(maxsize=_REMEMBERED)
def _shortened(shorten: Callable[[str, int], str], limit: int, text: str) -> str:
    return shorten(text, limit)


def _values(columns: Sequence[pa.StringArray], size: int) -> pa.StringArray:
    """Cleaned values; each row's is the first of its columns that has one."""
    if not columns:
        return pa.nulls(size, pa.string())
    return pc.coalesce(*(clean_column(column) for column in columns))


def _check(values: pa.StringArray, spec: FieldSpec, reasons: dict[int, Reason]) -> None:
    """Give a reason to the rows that the field makes bad."""
    if spec.required and values.null_count:
        for index in np.flatnonzero(values.is_null()).tolist():
            reasons.setdefault(index, (f"{spec.name} is missing", "the cell is empty"))
    if spec.max_chars:
        lengths = pc.fill_null(pc.utf8_length(values), 0).to_numpy()
        for index in np.flatnonzero(lengths > spec.max_chars).tolist():
            detail = f"{lengths[index]} characters, at most {spec.max_chars}"
            reasons.setdefault(index, (f"{spec.name} is too long", detail))


def _source(raw: RawRows, index: int) -> str:
    cells = {name: column[index].as_py() for name, column in raw.columns.items()}
    return shown_source(json.dumps({name: cell for name, cell in cells.items() if cell}, ensure_ascii=False))


def text_hashes(columns: pa.Table, bits: Literal[64, 128]) -> npt.NDArray[np.uint64]:
    """XXH3 of each row, blind to letter case, as 64-bit numbers: one for a row, or two."""
    lowered = [pc.utf8_lower(column) for column in columns.columns]
    joined = pc.binary_join_element_wise(*lowered, "\x1f", null_handling="replace", null_replacement="")
    rows = joined.cast(pa.binary()).to_numpy(zero_copy_only=False)
    digest = xxh3_128_digest if bits == 128 else xxh3_64_digest
    return np.frombuffer(b"".join(map(digest, rows)), "<u8")
