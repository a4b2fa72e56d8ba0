"""The second pass: parts become the dataset's Parquet files. Runs in Ray's workers.

A shard is a run of rows of one split in source order, always of the same length; so the files don't
depend on how the feed was cut or how many CPUs worked on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adcraft.data.dataset import file_sha256
from adcraft.data.manifest import REJECTED, DataFile
from adcraft.data.refining import PRODUCT_KEY, SOURCE_ROW
from adcraft.data.storage import disk_errors_explained

SHARD_ROWS = 65_536
_ROW_GROUP = 8192
_LONGEST_COUNTED = 8192
_MOST_VALUES = 100

_REJECTED_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("source", pa.string()),
    ]
)


@dataclass(frozen=True)
class Piece:
    """What a shard takes from one part.

    Attributes:
        part: the Arrow file.
        file: name of the feed's file that the rows come from.
        first_row: number of the part's first row in it, from 1.
        rows: which of the part's rows; None for all.
        products: their product keys.
    """

    part: str
    file: str
    first_row: int
    rows: npt.NDArray[np.int32] | None = None
    products: npt.NDArray[np.uint64] | None = None


@dataclass(frozen=True)
class Shard:
    """One Parquet file to be written.

    Attributes:
        path: below the dataset's folder.
        pieces: what it is made of, in order.
    """

    path: str
    pieces: Sequence[Piece]


@dataclass
class ColumnCounts:
    """Figures of the kept rows that add up over shards.

    Attributes:
        nulls: column to rows without a value.
        lengths: column to how many values have 0, 1, 2, ... characters; the last stands for all longer.
        longest: column to the longest value's characters.
        values: of the columns of few values, each to the rows that have it.
    """

    nulls: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)
    values: dict[str, Counter[str]] = field(default_factory=dict)

    def add_table(self, table: pa.Table, counted: Sequence[str]) -> None:
        """Count the rows of a table, and the values of the columns ``counted``."""
        for name in table.column_names:
            column = table[name]
            self.nulls[name] += column.null_count
            lengths = pc.utf8_length(column.drop_null()).to_numpy()
            if len(lengths):
                clipped = np.minimum(lengths, _LONGEST_COUNTED)
                self._add_lengths(
                    name, np.bincount(clipped, minlength=_LONGEST_COUNTED + 1), int(lengths.max())
                )
        for name in counted:
            found = pc.value_counts(table[name].drop_null()).to_pylist()
            self._add_values(name, {item["values"]: item["counts"] for item in found})

    def add(self, other: ColumnCounts) -> None:
        """Count what another counted."""
        self.nulls.update(other.nulls)
        for name, values in other.values.items():
            self._add_values(name, values)
        for name, counts in other.lengths.items():
            self._add_lengths(name, counts, other.longest[name])

    def _add_values(self, name: str, values: Mapping[str, int]) -> None:
        counts = self.values.setdefault(name, Counter())
        counts.update(values)
        for value, _ in counts.most_common()[_MOST_VALUES:]:
            del counts[value]

    def _add_lengths(self, name: str, counts: npt.NDArray[np.int64], longest: int) -> None:
        self.lengths[name] = self.lengths.get(name, 0) + counts
        self.longest[name] = max(self.longest.get(name, 0), longest)


@dataclass(frozen=True)
class WrittenShard:
    """A shard's file and what was counted in it."""

    path: str
    file: DataFile
    counts: ColumnCounts


@dataclass(frozen=True)
class ShardWriter:
    """The task of the second pass, for ``map``.

    Attributes:
        folder: the dataset's.
        schema: of the fields in the parts.
        counted: columns of few values, which are counted.
    """

    folder: str
    schema: pa.Schema
    counted: tuple[str, ...]

    def __call__(self, row: dict[str, Shard]) -> dict[str, WrittenShard]:
        """Write ``row["shard"]``; returns what was ``written``."""
        return {"written": self.write(row["shard"])}

    def write(self, shard: Shard) -> WrittenShard:
        """Write one Parquet file."""
        rejected = shard.path.startswith(f"{REJECTED}/")
        schema = _REJECTED_SCHEMA if rejected else split_schema(self.schema)
        counts = ColumnCounts()
        path = Path(self.folder) / shard.path
        rows = 0
        with disk_errors_explained():
            path.parent.mkdir(exist_ok=True)
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for table in _row_groups(_take(piece, rejected) for piece in shard.pieces):
                    writer.write_table(table, row_group_size=_ROW_GROUP)
                    rows += table.num_rows
                    if not rejected:
                        counts.add_table(table, self.counted)
            file = DataFile(rows=rows, bytes=path.stat().st_size, sha256=file_sha256(path))
        return WrittenShard(shard.path, file, counts)


def split_schema(refined: pa.Schema) -> pa.Schema:
    """Of the splits' files: the fields, the target, where it is from, whose it is."""
    return refined.append(pa.field(PRODUCT_KEY, pa.string())).append(pa.field(SOURCE_ROW, pa.string()))


def _take(piece: Piece, rejected: bool) -> pa.Table:
    with pa.memory_map(piece.part) as source:
        table = pa.ipc.open_file(source).read_all()
        if piece.rows is not None:
            table = table.take(pa.array(piece.rows))
    row = pc.add(table["position"].cast(pa.int64()), piece.first_row)
    if rejected:
        file = pa.array([piece.file] * table.num_rows, pa.string())
        columns = [file, row, table["reason"], table["detail"], table["source"]]
        return pa.table(columns, schema=_REJECTED_SCHEMA)
    assert piece.products is not None
    keys = pa.array([f"{key:016x}" for key in piece.products.tolist()], pa.string())
    where = pc.binary_join_element_wise(piece.file, row.cast(pa.string()), ":")
    table = table.drop_columns(["position"])
    return table.append_column(PRODUCT_KEY, keys).append_column(SOURCE_ROW, where)


def _row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of ``_ROW_GROUP`` rows, but for the last."""
    pending: list[pa.Table] = []
    count = 0
    for table in tables:
        pending.append(table)
        count += table.num_rows
        if count >= _ROW_GROUP:
            joined = pa.concat_tables(pending)
            whole = count - count % _ROW_GROUP
            yield joined.slice(0, whole).combine_chunks()
            pending, count = [joined.slice(whole)], count - whole
    if count:
        yield pa.concat_tables(pending).combine_chunks()
