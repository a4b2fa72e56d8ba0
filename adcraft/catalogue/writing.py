"""Slices become parts: the engine's copy for every good row. Runs in a pool of Ray's actors."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from adcraft.catalogue.plan import ERROR, ROW
from adcraft.catalogue.slicing import POSITION
from adcraft.data.aside import written_aside
from adcraft.data.storage import disk_errors_explained
from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
from adcraft.settings import GenerateSettings


class PartWriter:
    """One engine of the pool, for ``map_batches``."""

    def __init__(
        self,
        bundle: Path,
        parts: Path,
        columns: Sequence[str],
        texts: Sequence[str],
        settings: GenerateSettings,
    ) -> None:
        """Args:
        bundle: the model's.
        parts: the folder to write to.
        columns: of the output.
        texts: those of them that hold the copy.
        settings: number type, batch size, variants.
        """
        self._bundle, self._parts, self._settings = bundle, parts, settings
        self._columns, self._texts = tuple(columns), tuple(texts)

    @functools.cached_property
    def _generator(self) -> Generator:
        """Loaded at the first slice, since what a constructor raises reaches nobody but as the death of its
        process.
        """
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the engine's thread is all that it may have
        return Generator.load(open_bundle(self._bundle), compute_type=self._settings.compute_type)

    def __call__(self, slices: pa.Table) -> pa.Table:
        """Write the parts of slices (of ``SliceCutter``); returns what was written, a row for each."""
        return pa.Table.from_pylist([self._write(row) for row in slices.to_pylist()])

    def _write(self, row: dict[str, Any]) -> dict[str, Any]:
        records = pa.ipc.open_stream(pa.BufferReader(row["data"])).read_all().to_pylist()
        for record, texts in zip(records, self.copy(records), strict=True):
            record[ROW] = record[POSITION]
            record.update(zip(self._texts, texts, strict=False))
            if not record[ERROR] and not any(texts):
                record[ERROR] = "no text: the model wrote nothing"
        schema = pa.schema([(name, pa.int64() if name == ROW else pa.string()) for name in self._columns])
        with (
            disk_errors_explained(),
            written_aside(self._parts / row["name"], "part") as partial,
            pa.ipc.new_file(str(partial), schema) as writer,
        ):
            writer.write_table(pa.Table.from_pylist(records, schema))
        return {"name": row["name"], "rows": len(records)}

    def copy(self, records: Sequence[dict[str, Any]]) -> list[Sequence[str]]:
        """The texts for each record, none for a bad one. Rows of like length are written together, since an
        engine pads a batch to its longest.
        """
        good = [index for index, record in enumerate(records) if record[ERROR] is None]
        good.sort(
            key=lambda index: sum(len(value) for value in records[index].values() if isinstance(value, str))
        )
        copy: list[Sequence[str]] = [()] * len(records)
        for start in range(0, len(good), self._settings.batch_size):
            batch = good[start : start + self._settings.batch_size]
            generations = self._generator.generate(
                [records[index] for index in batch], variants=self._settings.variants
            )
            for index, generation in zip(batch, generations, strict=True):
                copy[index] = [text for text in generation.texts if text]
        return copy
