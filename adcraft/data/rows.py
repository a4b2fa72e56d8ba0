"""Rows as they come out of a feed, before they are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
        columns: column name to values; text, or None where there is nothing.
        faults: rows that could not be read.
    """

    count: int
    positions: Sequence[int]
    columns: Mapping[str, Sequence[str | None]]
    faults: list[Fault] = field(default_factory=list)


def shown_source(text: str) -> str:
    """``text`` as a fault shows it: bounded, and fit for UTF-8."""
    shown = text[:SHOWN_SOURCE_CHARS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return shown.replace("\0", "\N{SYMBOL FOR NULL}") + (
        f" [... {len(text)} characters]" if len(text) > SHOWN_SOURCE_CHARS else ""
    )
