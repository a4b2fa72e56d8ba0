"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from adcraft.data.csv_format import CHUNK_BYTES
from adcraft.data.rows import Fault, RawRows, shown_source, text_array
from adcraft.data.values import flatten

_LONGEST_ROW = 64 << 20


def line_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join ``pieces`` and cut them again at ends of lines, into about ``CHUNK_BYTES`` each. A line of
    more than 64 MiB is cut where it stands, and so gives rows that are no JSON.
    """
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        pending.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES and (b"\n" in piece or size > _LONGEST_ROW):
            chunk = b"".join(pending)
            end = chunk.rfind(b"\n") + 1 or len(chunk)
            yield chunk[:end]
            pending, size = [chunk[end:]], len(chunk) - end
    if size:
        yield b"".join(pending)


@dataclass(frozen=True)
class JsonParser:
    """Parses chunks.

    Attributes:
        max_row_bytes: a longer row is set aside.
    """

    max_row_bytes: int

    def parse(self, chunk: bytes, *, is_first: bool = False) -> RawRows:
        """The rows of one chunk. The columns are the keys of all its rows."""
        records: list[dict[str, Any]] = []
        positions: list[int] = []
        faults: list[Fault] = []
        lines = [line for line in chunk.split(b"\n") if line and not line.isspace()]
        for position, line in enumerate(lines):
            record, fault = self._read(line)
            if fault:
                text = line.decode("utf-8", "surrogateescape").strip()
                faults.append(Fault(position, *fault, shown_source(text)))
            else:
                records.append(record)
                positions.append(position)
        keys = dict.fromkeys(key for record in records for key in record)
        columns = {key: text_array([flatten(record.get(key)) for record in records]) for key in keys}
        return RawRows(len(lines), positions, columns, faults)

    def _read(self, line: bytes) -> tuple[dict[str, Any], tuple[str, str] | None]:
        """The object, or why it is bad: (reason, detail)."""
        if len(line) > self.max_row_bytes:
            return {}, ("row too large", f"{len(line)} bytes; data.max_row_bytes is {self.max_row_bytes}")
        if b"\0" in line:
            return {}, ("NUL bytes", f"{line.count(0)} of them")
        try:
            record = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            wrong = line[error.start]
            return {}, ("encoding", f"bytes that the file's encoding does not have: 0x{wrong:02X}")
        except json.JSONDecodeError as error:
            return {}, ("not JSON", f"{error.msg} at character {error.pos + 1}")
        except (ValueError, RecursionError) as error:
            return {}, ("not JSON", str(error) or "nested too deep")
        if not isinstance(record, dict):
            return {}, ("not an object", f"a {type(record).__name__}")
        return record, None
