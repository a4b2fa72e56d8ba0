"""Chunks of a feed cut into slices of good rows and faults. Runs in Ray's workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adcraft.catalogue.form import ERROR
from adcraft.catalogue.survey import Slice
from adcraft.data.refining import RefinedRows, RowRules, refined_schema
from adcraft.data.rows import ChunkParser

POSITION = "position"


@dataclass(frozen=True)
class SliceCutter:
    """The task of the first stage, for ``map_batches``: chunks (of ``FeedDatasource``) in, slices out.

    Attributes:
        parsers: of the feed's files.
        rules: what makes a row good.
        wanted: (file, chunk) to the slices of it that are to be written.
    """

    parsers: Sequence[ChunkParser]
    rules: RowRules
    wanted: Mapping[tuple[int, int], Sequence[Slice]]

    def __call__(self, chunks: pa.Table) -> Iterator[pa.Table]:
        """A block of one row for each slice: its ``name``, and ``data``, an Arrow stream of its rows."""
        for row in chunks.to_pylist():
            slices = self.wanted.get((row["file"], row["chunk"]), ())
            if not slices:
                continue
            raw = self.parsers[row["file"]].parse(row["data"], is_first=row["chunk"] == 0)
            rows = self.rules.refine(raw)
            for each in slices:
                data = pa.array([_stream(cut(rows, each, self.rules))], pa.large_binary())
                yield pa.table({"name": [each.name], "rows": [each.stop - each.start], "data": data})


def cut(rows: RefinedRows, of: Slice, rules: RowRules) -> pa.Table:
    """A slice's rows in order: ``position`` in the chunk, the fields, and ``error``, null in a good row."""
    start, stop = np.searchsorted(rows.positions, [of.start, of.stop]).tolist()
    good = rows.table.slice(start, stop - start)
    good = good.append_column(POSITION, pa.array(rows.positions[start:stop], pa.int64()))
    good = good.append_column(ERROR, pa.nulls(good.num_rows, pa.string()))
    faults = [fault for fault in rows.faults if of.start <= fault.position < of.stop]
    bad = pa.Table.from_pylist(
        [{POSITION: fault.position, ERROR: f"{fault.reason}: {fault.detail}"} for fault in faults],
        refined_schema(rules.workload)
        .append(pa.field(POSITION, pa.int64()))
        .append(pa.field(ERROR, pa.string())),
    )
    return pa.concat_tables([good, bad]).sort_by(POSITION)


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data
