"""CSV: split into chunks of whole rows at the speed of a scan, parsed wherever a chunk goes.

Rows mean what Python's ``csv`` module says. Where every quote stands where one belongs (at the start
or end of a field, or doubled) that is also what counting quotes says, and what Arrow's parser reads:
there the fast ways are taken. Elsewhere the ``csv`` module itself decides.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from adcraft.data.rows import Fault, RawRows, shown_source, text_array

CHUNK_BYTES = 2 << 20
_LONGEST_ROW = 64 << 20
_QUOTE, _CR, _LF = b'"\r\n'


def csv_chunks(pieces: Iterable[bytes], delimiter: str) -> Iterator[bytes]:
    """Join ``pieces`` of UTF-8 and cut them again so that each chunk is whole rows, of about
    ``CHUNK_BYTES`` together; a single longer row is a chunk of its own. A row that goes on for more
    than 64 MiB has a quote that nobody closed, and is cut at the end of a line.
    """
    pending: list[bytes] = []
    size, wanted = 0, CHUNK_BYTES
    for piece in pieces:
        pending.append(piece)
        size += len(piece)
        if size < wanted:
            continue
        joined = b"".join(pending)
        end = _last_row_end(joined, delimiter)
        if not end and size > _LONGEST_ROW:
            end = joined.find(b"\n") + 1 or size
        if end:
            yield joined[:end]
        pending, size = [joined[end:]], size - end
        wanted = max(CHUNK_BYTES, 2 * size)
    if size:
        yield b"".join(pending)


def _last_row_end(chunk: bytes, delimiter: str) -> int:
    """Where the last whole row of ``chunk`` ends; 0 if none does."""
    quotes = _positions(chunk, _QUOTE)
    if not _is_regular(chunk, quotes, delimiter):
        return _last_row_end_by_parsing(chunk, delimiter)
    end = len(chunk)
    while True:
        end = chunk.rfind(b"\n", 0, end) + 1
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            return end
        end = int(quotes[before - 1])  # inside quotes: look before they opened


def _last_row_end_by_parsing(chunk: bytes, delimiter: str) -> int:
    end = taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.StringIO(chunk.decode("latin-1"), newline=""):  # a character is a byte
            taken += len(line)
            yield line

    with _unlimited_fields():
        for _ in csv.reader(lines(), delimiter=delimiter):
            if taken == len(chunk):
                break
            end = taken
    return end


def _positions(chunk: bytes, byte: int) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.frombuffer(chunk, np.uint8) == byte)


def _is_regular(chunk: bytes, quotes: npt.NDArray[np.int64], delimiter: str) -> bool:
    """Whether every quote opens, closes or is doubled, and no lone carriage return stands outside."""
    data = np.frombuffer(chunk, np.uint8)
    edges = np.array([ord(delimiter), _CR, _LF, _QUOTE], np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < len(data) - 1] + 1]
    if not (np.isin(before, edges).all() and np.isin(after, edges).all()):
        return False
    if b"\r" not in chunk:
        return True
    returns = _positions(chunk, _CR)
    returns = returns[returns < len(data) - 1]
    lone = returns[data[returns + 1] != _LF]
    return bool((np.searchsorted(quotes, lone) % 2 == 1).all())


@dataclass(frozen=True)
class CsvParser:
    """Parses chunks.

    Attributes:
        header: names of the columns.
        delimiter: between them.
        max_row_bytes: a longer row is set aside.
    """

    header: tuple[str, ...]
    delimiter: str
    max_row_bytes: int

    def parse(self, chunk: bytes, *, is_first: bool) -> RawRows:
        """The rows of one chunk; the first has the header before them."""
        rows = None if is_first else self._parse_fast(chunk)
        return rows if rows is not None else self._parse_exactly(chunk, is_first)

    def _parse_fast(self, chunk: bytes) -> RawRows | None:
        """By Arrow; None if the chunk has anything unusual."""
        quotes = _positions(chunk, _QUOTE)
        if len(quotes) % 2 or b"\0" in chunk or not _is_regular(chunk, quotes, self.delimiter):
            return None
        names = [str(index) for index in range(len(self.header))]
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(chunk),
                read_options=arrow_csv.ReadOptions(
                    column_names=names, use_threads=False, block_size=len(chunk) + 1
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )  # fmt: skip
        except pa.ArrowInvalid:  # another number of columns, or not UTF-8
            return None
        if len(chunk) > self.max_row_bytes and _longest_row(table) > self.max_row_bytes:
            return None
        columns = [column.combine_chunks() for column in table.columns]
        return RawRows(table.num_rows, range(table.num_rows), dict(zip(self.header, columns, strict=True)))

    def _parse_exactly(self, chunk: bytes, is_first: bool) -> RawRows:
        good: list[list[str]] = []
        positions: list[int] = []
        faults: list[Fault] = []
        position = -int(is_first)
        for found, text in _rows_and_texts(chunk, self.delimiter):
            if position >= 0:
                row, fault = self._check(found, text)
                if fault:
                    faults.append(Fault(position, *fault, shown_source(text.rstrip("\r\n"))))
                else:
                    good.append(row)
                    positions.append(position)
            position += 1
        cells: list[tuple[str, ...]] = list(zip(*good, strict=True)) or [()] * len(self.header)
        columns = [text_array(column) for column in cells]
        return RawRows(position, positions, dict(zip(self.header, columns, strict=True)), faults)

    def _check(self, row: list[str], text: str) -> tuple[list[str], tuple[str, str] | None]:
        """The row with the header's number of cells, or why it is bad: (reason, detail)."""
        text = text.rstrip("\r\n")
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
        if size > self.max_row_bytes:
            return row, ("row too large", f"{size} bytes; data.max_row_bytes is {self.max_row_bytes}")
        if "\0" in text:
            return row, ("NUL bytes", f"{text.count(chr(0))} of them")
        if not text.isascii() and (wrong := _wrong_bytes(text)):
            return row, ("encoding", f"bytes that the file's encoding does not have: {wrong}")
        width = len(self.header)
        while len(row) > width and not row[-1]:
            row = row[:-1]
        if len(row) != width:
            return row, ("columns", f"expected {width}, found {len(row)}")
        if "\n" in text and text.count('"') % 2:
            return row, ("quote not closed", "the field goes on over the end of its line")
        return row, None


def _longest_row(table: pa.Table) -> int:
    lengths = [pc.binary_length(column) for column in table.columns]
    total = lengths[0]
    for length in lengths[1:]:
        total = pc.add(total, length)
    return int(pc.max(total).as_py() or 0)


def _rows_and_texts(chunk: bytes, delimiter: str) -> Iterator[tuple[list[str], str]]:
    """Each row that is not blank, and the text that it was read from."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(chunk.decode("utf-8", "surrogateescape"), newline=""):
            taken.append(line)
            yield line

    with _unlimited_fields():
        for row in csv.reader(lines(), delimiter=delimiter):
            if row:
                yield row, "".join(taken)
            taken.clear()


def _wrong_bytes(text: str) -> str:
    wrong = [f"0x{ord(char) - 0xDC00:02X}" for char in text if "\udc80" <= char <= "\udcff"]
    return ", ".join(dict.fromkeys(wrong[:100]))


@contextlib.contextmanager
def _unlimited_fields() -> Iterator[None]:
    """The csv module refuses long fields, and knows no other place to say how long."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def unique_header(cells: Sequence[str]) -> tuple[str, ...]:
    """Column names: stripped, numbered where they are empty, told apart where they are the same."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip().strip("\ufeff") or f"column {number}"
        names.append(next(n for n in chain([name], (f"{name} ({i})" for i in count(2))) if n not in names))
    return tuple(names)
