"""Parquet files whose rows stand in the stream's order.

Ray Data's own ``write_parquet`` (2.60) hands each file to ``pyarrow.dataset.write_dataset`` with threads,
which swaps batches within it now and then, whatever ``preserve_order`` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from ray.data import Datasink
from ray.data.block import Block, BlockAccessor

if TYPE_CHECKING:
    from ray.data._internal.execution.interfaces import TaskContext


class OrderedParquetSink(Datasink[None]):
    """One file for each writing task, named by the task's place in the stream."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        """Args:
        folder: exists.
        schema: of every block.
        """
        self._folder = folder
        self._schema = schema

    @property
    def supports_distributed_writes(self) -> bool:
        """Tasks write where they run; the folder is on storage that all nodes share."""
        return True

    def write(self, blocks: Iterable[Block], ctx: TaskContext) -> None:
        """Write a task's blocks; a task that is run again replaces its file."""
        file = self._folder / f"part-{ctx.task_idx:06}.parquet"
        with pq.ParquetWriter(file, self._schema, compression="zstd") as writer:
            for block in blocks:
                writer.write_table(BlockAccessor.for_block(block).to_arrow())
