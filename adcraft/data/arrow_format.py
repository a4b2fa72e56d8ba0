"""Arrow tables (from Parquet files and Hugging Face datasets) as chunks, and chunks as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adcraft.data.rows import Fault, RawRows, shown_source, text_array
from adcraft.data.values import flatten

CHUNK_ROWS = 8192


def readable_columns(schema: pa.Schema) -> tuple[str, ...]:
    """The columns that can be text: all but those of bytes, such as images."""
    return tuple(field.name for field in schema if not _has_bytes(field.type))


def _has_bytes(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _has_bytes(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _has_bytes(kind.value_type)
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or any(_has_bytes(kind.field(index).type) for index in range(kind.num_fields))
    )


def table_chunks(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """Each batch as an Arrow IPC stream."""
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield sink.getvalue().to_pybytes()


@dataclass(frozen=True)
class ArrowParser:
    """Parses chunks.

    Attributes:
        max_row_bytes: a longer row is set aside.
    """

    max_row_bytes: int

    def parse(self, chunk: bytes, *, is_first: bool = False) -> RawRows:
        """The rows of one chunk."""
        table = pa.ipc.open_stream(pa.BufferReader(chunk)).read_all()
        columns = {name: _texts(table[name]) for name in table.column_names}
        count = table.num_rows
        if len(chunk) <= self.max_row_bytes:
            return RawRows(count, range(count), columns)
        sizes = np.zeros(count, np.int64)
        for column in columns.values():
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
        large = sizes > self.max_row_bytes
        faults = [
            Fault(
                index,
                "row too large",
                f"{sizes[index]} bytes; data.max_row_bytes is {self.max_row_bytes}",
                shown_source(str({name: column[index].as_py() for name, column in columns.items()})),
            )
            for index in np.flatnonzero(large).tolist()
        ]
        kept = {name: column.filter(pa.array(~large)) for name, column in columns.items()}
        return RawRows(count, np.flatnonzero(~large).tolist(), kept, faults)


def _texts(column: pa.ChunkedArray) -> pa.StringArray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = column.combine_chunks().cast(pa.string())
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid:  # not UTF-8, whatever the file says
            wrong = texts.cast(pa.binary()).to_pylist()
            return text_array(
                [value if value is None else value.decode("utf-8", "replace") for value in wrong]
            )
        return texts
    return text_array([flatten(value) for value in column.to_pylist()])
