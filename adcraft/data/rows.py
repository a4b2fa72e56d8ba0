"""Rows as they come out of a feed, before they are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

SHOWN_SOURCE_CHARS = 2000


@dataclass(frozen=True)
class Fault:
    """Why a row was set aside.

    Attributes:
        position: of the row in its chunk, from 0.
        reason: one of few, to be counted.
        detail: what was wrong with this very row.
        source: the row as it stood in the feed, at most ``SHOWN_SOURCE_CHARS`` characters of it.
    """

    position: int
    reason: str
    detail: str
    source: str


@dataclass
class RawRows:
    """The rows of one chunk of a feed.

    Attributes:
        count: how many there were, faulty ones included.
        positions: of the rows in ``columns``, in order.
        columns: column name to values: Arrow arrays of strings, null where there is nothing.
        faults: rows that could not be read.
    """

    count: int
    positions: Sequence[int]
    columns: Mapping[str, pa.StringArray]
    faults: list[Fault] = field(default_factory=list)


class ChunkParser(Protocol):
    """Makes rows of a chunk, on any node: it needs nothing of the file that the chunk comes from."""

    def parse(self, chunk: bytes, *, is_first: bool) -> RawRows:
        """The rows of one chunk; ``is_first`` for a file's first."""


def text_array(values: Sequence[str | None]) -> pa.StringArray:
    """``values`` as Arrow has them; half surrogate pairs, which are no text, are left out of them."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        whole = [value if value is None else value.encode("utf-8", "ignore").decode() for value in values]
        return pa.array(whole, pa.string())


def shown_source(text: str) -> str:
    """``text`` as a fault shows it: bounded, and fit for UTF-8."""
    shown = text[:SHOWN_SOURCE_CHARS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return shown.replace("\0", "\N{SYMBOL FOR NULL}") + (
        f" [... {len(text)} characters]" if len(text) > SHOWN_SOURCE_CHARS else ""
    )
