"""The files that a feed can be made of: each can be cut into chunks, and its chunks parsed anywhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from adcraft.data.arrow_format import CHUNK_ROWS, ArrowParser, table_chunks
from adcraft.data.csv_format import CsvParser, csv_chunks
from adcraft.data.json_format import JsonParser, line_chunks
from adcraft.data.rows import ChunkParser
from adcraft.data.text_stream import TextStream, unreadable


@dataclass(frozen=True)
class FeedFile(ABC):
    """One file of a feed, or one split of a Hugging Face dataset.

    Attributes:
        name: relative to the source; rows are named after it.
        size_bytes: its size.
        header: its columns; of JSON Lines, those in its beginning.
        parser: of its chunks.
    """

    name: str
    size_bytes: int
    header: tuple[str, ...]
    parser: ChunkParser

    @property
    @abstractmethod
    def format(self) -> str:
        """``csv``, ``jsonl``, ``parquet`` or ``huggingface``."""

    @property
    def encoding(self) -> str:
        """Of a text file; else ""."""
        return ""

    @property
    def delimiter(self) -> str:
        """Of a CSV file; else ""."""
        return ""

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """The file, cut between rows.

        Raises:
            FeedError: it can't be read.
        """


@dataclass(frozen=True)
class CsvFile(FeedFile):
    """A CSV file."""

    parser: CsvParser
    stream: TextStream

    @property
    @override
    def format(self) -> str:
        return "csv"

    @property
    @override
    def encoding(self) -> str:
        return self.stream.encoding

    @property
    @override
    def delimiter(self) -> str:
        return self.parser.delimiter

    @override
    def chunks(self) -> Iterator[bytes]:
        return csv_chunks(self.stream.pieces(), self.parser.delimiter)


@dataclass(frozen=True)
class JsonLinesFile(FeedFile):
    """A file of JSON Lines."""

    parser: JsonParser
    stream: TextStream

    @property
    @override
    def format(self) -> str:
        return "jsonl"

    @property
    @override
    def encoding(self) -> str:
        return self.stream.encoding

    @override
    def chunks(self) -> Iterator[bytes]:
        return line_chunks(self.stream.pieces())


@dataclass(frozen=True)
class ParquetFile(FeedFile):
    """A Parquet file."""

    parser: ArrowParser
    path: str

    @property
    @override
    def format(self) -> str:
        return "parquet"

    @override
    def chunks(self) -> Iterator[bytes]:
        try:
            with pq.ParquetFile(self.path) as file:
                yield from table_chunks(file.iter_batches(CHUNK_ROWS, columns=list(self.header)))
        except (OSError, pa.ArrowException) as error:
            raise unreadable(self.path, error) from None
