"""The first pass: each chunk of the feed becomes a part, its rows judged. Runs in Ray's workers.

A part is an Arrow file of the good rows (and one of the bad) in the workspace, and a summary of which
only the 32 bytes a row that duplicates and splits are decided by go to the driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from ray.data import DataContext
from ray.data.block import Block, BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from typing_extensions import override

from adcraft.data.feed_file import FeedFile
from adcraft.data.refining import KEY_TYPE, RefinedRows, RowRules
from adcraft.data.rows import ChunkParser
from adcraft.data.storage import disk_errors_explained

_TASK_BYTES = 64 << 20
_TASK_FILES = 64
_FAULTS = pa.schema(
    [
        ("position", pa.int32()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("source", pa.string()),
    ]
)


class FeedDatasource(Datasource):
    """A feed as blocks of one row each: ``file`` and ``chunk`` (indices), ``data`` (the chunk)."""

    def __init__(self, files: Sequence[FeedFile]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._files = files

    @override
    def estimate_inmemory_data_size(self) -> int:
        return sum(file.size_bytes for file in self._files)

    @property
    @override
    def supports_distributed_reads(self) -> bool:
        """A dataset of the hub lies in the cache of the node that opened it."""
        return all(file.format != "huggingface" for file in self._files)

    @override
    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        return [
            ReadTask(
                _reader(group),
                BlockMetadata(None, sum(file.size_bytes for _, file in group), None, None),
            )
            for group in _groups(list(enumerate(self._files)))
        ]


def _groups(files: Sequence[tuple[int, FeedFile]]) -> Iterator[list[tuple[int, FeedFile]]]:
    """Files that one task reads: one large, or many small."""
    group: list[tuple[int, FeedFile]] = []
    size = 0
    for index, file in files:
        if group and (size + file.size_bytes > _TASK_BYTES or len(group) == _TASK_FILES):
            yield group
            group, size = [], 0
        group.append((index, file))
        size += file.size_bytes
    yield group


def _reader(group: Sequence[tuple[int, FeedFile]]) -> Callable[[], Iterable[Block]]:
    def read() -> Iterator[Block]:
        for index, file in group:
            for number, chunk in enumerate(file.chunks()):
                data = pa.array([chunk], pa.large_binary())
                yield pa.table({"file": [index], "chunk": [number], "data": data})

    return read


@dataclass(frozen=True)
class Part:
    """What the driver keeps of a chunk.

    Attributes:
        file: index of the feed's file.
        chunk: index in the file.
        count: rows that the chunk had.
        bad: rows of them that were rejected.
        keys: of the good rows, of ``KEY_TYPE``.
        reasons: of the bad rows, counted.
        blanked: see ``RefinedRows``.
    """

    file: int
    chunk: int
    count: int
    bad: int
    keys: npt.NDArray[np.void]
    reasons: dict[str, int]
    blanked: dict[str, int]

    @property
    def stem(self) -> str:
        """Of the part's file names."""
        return f"{self.file:06d}-{self.chunk:08d}"


@dataclass(frozen=True)
class PartWriter:
    """The task of the first pass, for ``map_batches``.

    Attributes:
        parsers: of the feed's files.
        rules: what makes a row good.
        folder: where parts are written; every node sees it.
    """

    parsers: Sequence[ChunkParser]
    rules: RowRules
    folder: str

    def __call__(self, chunks: pa.Table) -> pa.Table:
        """Refine chunks (of ``FeedDatasource``) and write their parts; returns rows for ``read_part``."""
        return pa.Table.from_pylist([self._write(row) for row in chunks.to_pylist()])

    def _write(self, row: dict[str, object]) -> dict[str, object]:
        index, number, data = row["file"], row["chunk"], row["data"]
        assert isinstance(index, int)
        assert isinstance(number, int)
        assert isinstance(data, bytes)
        rows = self.rules.refine(self.parsers[index].parse(data, is_first=number == 0))
        reasons: dict[str, int] = {}
        for fault in rows.faults:
            reasons[fault.reason] = reasons.get(fault.reason, 0) + 1
        part = Part(index, number, rows.count, len(rows.faults), rows.keys, reasons, dict(rows.blanked))
        with disk_errors_explained():
            _write_files(Path(self.folder), part, rows)
        return {
            "file": index,
            "chunk": number,
            "count": part.count,
            "bad": part.bad,
            "keys": part.keys.tobytes(),
            "counts": json.dumps([part.reasons, part.blanked]),
        }


def _write_files(folder: Path, part: Part, rows: RefinedRows) -> None:
    if rows.table.num_rows:
        good = rows.table.append_column("position", pa.array(rows.positions))
        _write_arrow(good_file(folder, part), good)
    if rows.faults:
        bad = pa.Table.from_pylist([vars(fault) for fault in rows.faults], _FAULTS)
        _write_arrow(bad_file(folder, part), bad)


def _write_arrow(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def good_file(folder: Path, part: Part) -> Path:
    """The Arrow file of a part's good rows: ``refined_schema`` and ``position``."""
    return folder / f"{part.stem}.arrow"


def bad_file(folder: Path, part: Part) -> Path:
    """The Arrow file of a part's bad rows: position, reason, detail, source."""
    return folder / f"{part.stem}.bad.arrow"


def read_part(row: dict[str, Any]) -> Part:
    """The part that a row made by ``PartWriter`` describes."""
    reasons, blanked = json.loads(row["counts"])
    keys = np.frombuffer(row["keys"], KEY_TYPE)
    return Part(row["file"], row["chunk"], row["count"], row["bad"], keys, reasons, blanked)
