"""Raw rows to rows that can be kept: fields found, cleaned, checked, the text to learn chosen."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adcraft.data.columns import ColumnRules
from adcraft.data.rows import Fault, RawRows, shown_source
from adcraft.data.values import VALUE_OF_KIND, cell_text
from adcraft.workload import FieldSpec, Workload

TARGET, TARGET_FIELD, PRODUCT_KEY, SOURCE_ROW = "target", "target_field", "product_key", "source_row"

KEY_TYPE = np.dtype([("high", "<u8"), ("low", "<u8"), ("id", "<u8"), ("name", "<u8")])
"""What a row is compared by, 32 bytes: 128 bits of its identity, 64 of its id (0: it has none), and 64
of its product's name and brand."""

Values = list[str | None]

# Variants of a product share their texts, and to cut a text takes longer than all else that is done to a
# row. So many texts are remembered in each worker, about 20 MB.
_REMEMBERED = 32_768


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
        blanked: Counter[str] = Counter()
        size = len(raw.positions)
        found = self.columns.recognise(tuple(raw.columns))
        fields: dict[str, Values] = {}
        reasons: dict[int, tuple[str, str]] = {}
        for spec in self.workload.fields:
            columns = [raw.columns[column] for column in found.get(spec.name, ())]
            fields[spec.name] = values = _values(columns, size)
            blanked[spec.name] += _keep_kind(values, spec)
            _check(values, spec, reasons)
        targets, target_fields = self._targets(fields, reasons, size)
        good = [index for index in range(size) if index not in reasons]
        faults = [
            Fault(raw.positions[index], *reason, _source(raw, index)) for index, reason in reasons.items()
        ]
        everything = {**fields, TARGET: targets, TARGET_FIELD: target_fields}
        if reasons:
            everything = {name: [values[i] for i in good] for name, values in everything.items()}
        table = pa.table(everything, schema=refined_schema(self.workload))
        return RefinedRows(
            count=raw.count,
            positions=np.asarray(raw.positions, np.int32)[good],
            table=table,
            keys=self._keys(table),
            faults=sorted([*raw.faults, *faults], key=lambda fault: fault.position),
            blanked=+blanked,
        )

    def _targets(
        self, fields: Mapping[str, Values], reasons: dict[int, tuple[str, str]], size: int
    ) -> tuple[Values, Values]:
        """The text to learn of each row and its field; rows without one get a reason."""
        shorten = functools.partial(_shortened, self.workload.shorten, self.target_chars)
        targets: Values = [None] * size
        target_fields: Values = [None] * size
        wanted: Sequence[int] = [index for index in range(size) if index not in reasons]
        for name in self.columns.target_fields:
            values = fields[name]
            missing = []
            for index in wanted:
                text = values[index]
                if text and (short := shorten(text)):
                    targets[index], target_fields[index] = short, name
                else:
                    missing.append(index)
            wanted = missing
        for index in wanted:
            reasons[index] = ("no text to learn", f"{' and '.join(self.columns.target_fields)} empty")
        return targets, target_fields

    def _keys(self, table: pa.Table) -> npt.NDArray[np.void]:
        identity = [spec.name for spec in self.workload.fields if spec.identity]
        keys = np.zeros(table.num_rows, KEY_TYPE)
        whole = text_hashes(table.select(identity), 16).reshape(-1, 2)
        keys["high"], keys["low"] = whole[:, 0], whole[:, 1]
        keys["name"] = text_hashes(table.select([self.workload.product_name, self.workload.product_brand]), 8)
        keys["id"] = np.where(table["id"].is_valid(), text_hashes(table.select(["id"]), 8), 0)
        return keys


@functools.lru_cache(maxsize=_REMEMBERED)
def _shortened(shorten: Callable[[str, int], str], limit: int, text: str) -> str:
    return shorten(text, limit)


def _values(columns: Sequence[Sequence[str | None]], size: int) -> Values:
    """Cleaned values; each row's is the first of its columns that has one."""
    if not columns:
        return [None] * size
    values = _cleaned(columns[0])
    for others in columns[1:]:
        values = [
            value if value is not None else other
            for value, other in zip(values, _cleaned(others), strict=True)
        ]
    return values


def _cleaned(cells: Sequence[str | None]) -> Values:
    different = set(cells)
    if 2 * len(different) > len(cells):
        return [cell_text(cell) for cell in cells]
    cleaned = {cell: cell_text(cell) for cell in different}
    return [cleaned[cell] for cell in cells]


def _keep_kind(values: Values, spec: FieldSpec) -> int:
    """Bring values to the form of their kind, in place; how many were not of it and so were left out."""
    if spec.kind in ("text", "attributes"):
        return 0
    as_kind = VALUE_OF_KIND[spec.kind]
    blanked = 0
    for index, value in enumerate(values):
        if value is not None:
            values[index] = kept = as_kind(value)
            blanked += kept is None
    return blanked


def _check(values: Values, spec: FieldSpec, reasons: dict[int, tuple[str, str]]) -> None:
    """Give a reason to the rows that the field makes bad."""
    if spec.required:
        for index, value in enumerate(values):
            if value is None:
                reasons.setdefault(index, (f"{spec.name} is missing", "the cell is empty"))
    if spec.max_chars:
        for index, value in enumerate(values):
            if value is not None and len(value) > spec.max_chars:
                detail = f"{len(value)} characters, at most {spec.max_chars}"
                reasons.setdefault(index, (f"{spec.name} is too long", detail))


def _source(raw: RawRows, index: int) -> str:
    row = {name: values[index] for name, values in raw.columns.items() if values[index]}
    return shown_source(json.dumps(row, ensure_ascii=False))


def text_hashes(columns: pa.Table, size: int) -> npt.NDArray[np.uint64]:
    """A hash of ``size`` bytes for each row, that letter case does not change, as 64-bit numbers."""
    lowered = [pc.utf8_lower(column) for column in columns.columns]
    joined = pc.binary_join_element_wise(*lowered, "\x1f", null_handling="replace", null_replacement="")
    rows = joined.cast(pa.binary()).to_numpy(zero_copy_only=False)
    return np.frombuffer(b"".join([hashlib.blake2b(row, digest_size=size).digest() for row in rows]), "<u8")
