"""Parts put together: one file in the order of the feed, and the upload if there is one. A part at a time is
in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from adcraft.catalogue.form import ERROR
from adcraft.catalogue.plan import FORMATS, ROW, CataloguePlan
from adcraft.data.aside import written_aside

Rows = Iterator[pa.Table]


def assemble(plan: CataloguePlan) -> int:
    """Write the output, and the upload; returns the rows without copy.

    Raises:
        StorageError: it can't be written.
        OSError: the disk is full, or failed.
    """
    schema = pa.schema([(name, pa.string()) for name in plan.columns])
    failed = 0

    def counted(tables: Rows) -> Rows:
        nonlocal failed
        for table in tables:
            failed += len(table) - table[ERROR].null_count
            yield table

    with written_aside(plan.output, "copy") as partial:
        _WRITERS[FORMATS[plan.output.suffix.lower()]](partial, schema, counted(_tables(plan, schema)))
    if plan.form.upload and plan.upload:
        with written_aside(plan.upload, "upload") as partial:
            plan.form.upload.write(partial, _written(_tables(plan, schema)))
    return failed


def _tables(plan: CataloguePlan, schema: pa.Schema) -> Rows:
    for each in plan.survey.slices():
        with pa.memory_map(str(plan.parts / each.name)) as source:
            table = pa.ipc.open_file(source).read_all()
        number = pc.add(table[ROW], each.first_row).cast(pa.string())
        row = pc.binary_join_element_wise(plan.feed.files[each.file].name, number, ":")
        yield table.set_column(0, ROW, row).cast(schema)


def _written(tables: Rows) -> Iterator[dict[str, str | None]]:
    """The rows that have copy."""
    for table in tables:
        yield from table.filter(pc.is_null(table[ERROR])).to_pylist()


def _write_csv(path: Path, schema: pa.Schema, tables: Rows) -> None:
    with arrow_csv.CSVWriter(str(path), schema) as writer:
        for table in tables:
            writer.write_table(table)


def _write_jsonl(path: Path, schema: pa.Schema, tables: Rows) -> None:
    with path.open("x", encoding="utf-8") as file:
        for table in tables:
            for row in table.to_pylist():
                kept = {name: value for name, value in row.items() if value is not None}
                file.write(json.dumps(kept, ensure_ascii=False) + "\n")


def _write_parquet(path: Path, schema: pa.Schema, tables: Rows) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


_WRITERS: dict[str, Callable[[Path, pa.Schema, Rows], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
