"""Slices become parts: the engine's copy for every good row. Runs in a pool of Ray's actors."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from adcraft.catalogue.form import ERROR, Form, Write
from adcraft.catalogue.plan import ROW
from adcraft.catalogue.slicing import POSITION
from adcraft.data.aside import written_aside
from adcraft.data.storage import disk_errors_explained
from adcraft.inference.bundle import open_bundle
from adcraft.settings import GenerateSettings


class PartWriter:
    """One engine of the pool, for ``map_batches``."""

    def __init__(
        self,
        bundle: Path,
        parts: Path,
        columns: Sequence[str],
        form: Form,
        settings: GenerateSettings,
    ) -> None:
        """Args:
        bundle: the model's.
        parts: the folder to write to.
        columns: of the output.
        form: what a row has.
        settings: number type, batch size.
        """
        self._bundle, self._parts, self._settings = bundle, parts, settings
        self._columns, self._form = tuple(columns), form

    @functools.cached_property
    def _write_rows(self) -> Write:
        """Loaded at the first slice, since what a constructor raises reaches nobody but as the death of its
        process.
        """
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the engine's thread is all that it may have
        return self._form.open(open_bundle(self._bundle), self._settings.compute_type)

    def __call__(self, slices: pa.Table) -> pa.Table:
        """Write the parts of slices (of ``SliceCutter``); returns what was written, a row for each."""
        return pa.Table.from_pylist([self._write(row) for row in slices.to_pylist()])

    def _write(self, row: dict[str, Any]) -> dict[str, Any]:
        records = pa.ipc.open_stream(pa.BufferReader(row["data"])).read_all().to_pylist()
        for record, written in zip(records, self.copy(records), strict=True):
            record[ROW] = record[POSITION]
            record.update(written)
        schema = pa.schema([(name, pa.int64() if name == ROW else pa.string()) for name in self._columns])
        with (
            disk_errors_explained(),
            written_aside(self._parts / row["name"], "part") as partial,
            pa.ipc.new_file(str(partial), schema) as writer,
        ):
            writer.write_table(pa.Table.from_pylist(records, schema))
        return {"name": row["name"], "rows": len(records)}

    def copy(self, records: Sequence[dict[str, Any]]) -> list[Mapping[str, str]]:
        """What each record's row has, nothing for a bad one. Rows of like length are written together, since
        an engine pads a batch to its longest.
        """
        good = [index for index, record in enumerate(records) if record[ERROR] is None]
        good.sort(
            key=lambda index: sum(len(value) for value in records[index].values() if isinstance(value, str))
        )
        copy: list[Mapping[str, str]] = [{}] * len(records)
        for start in range(0, len(good), self._settings.batch_size):
            batch = good[start : start + self._settings.batch_size]
            for index, row in zip(batch, self._write_rows([records[index] for index in batch]), strict=True):
                copy[index] = row
        return copy
