"""The sample feed as a file: written aside, streamed, put in place only when it is complete."""

from __future__ import annotations

import collections
import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adcraft.ad_copy.sample_feed.dirt import Dirt, Row, dirty_products
from adcraft.ad_copy.sample_feed.formats import format_of
from adcraft.ad_copy.sample_feed.products import products
from adcraft.data.aside import written_aside
from adcraft.errors import SettingsError

log = logging.getLogger(__name__)

_REPORT_EVERY_S = 5.0
_ROWS_BETWEEN_LOOKS_AT_THE_CLOCK = 2048


@dataclass(frozen=True)
class WrittenFeed:
    """What was written: the size of the file in bytes, its SHA-256, and how many rows have which damage."""

    path: Path
    rows: int
    bytes: int
    sha256: str
    damage: dict[str, int]


def write_feed(path: Path, rows: int, seed: int, dirt: Dirt | None = None) -> WrittenFeed:
    """Write a feed whose format is that of the path's suffix: .csv, .jsonl or .parquet.

    The same arguments give the same bytes. A file that was there is replaced only by a complete one,
    and nothing is left of a feed that was interrupted.

    Args:
        path: the file; its folder is made if it is missing.
        rows: 1 or more.
        seed: 0 or more.
        dirt: None for a clean feed.

    Raises:
        SettingsError: rows, seed or suffix are not allowed, or the path is a folder.
        StorageError: the folder can't be made or written to.
        OSError: the disk is full, or failed.
    """
    if rows < 1:
        raise SettingsError(f"A feed of {rows} rows was asked for; rows must be 1 or more.")
    if seed < 0:
        raise SettingsError(f"The seed is {seed}; it must be 0 or more.")
    damage: collections.Counter[str] = collections.Counter()
    made = (Row(p, None) for p in products(rows, seed)) if dirt is None else dirty_products(rows, seed, dirt)
    with written_aside(path, "feed") as partial:
        write = format_of(path)
        with partial.open("xb", buffering=1 << 20) as file:
            write(_watched(made, rows, damage), file)
            file.flush()
            os.fsync(file.fileno())
        size = partial.stat().st_size
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    kinds: dict[str, int] = {} if dirt is None else {kind: damage[kind] for kind in dirt.kinds}
    return WrittenFeed(path, rows, size, digest, kinds)


def _watched(made: Iterable[Row], rows: int, damage: collections.Counter[str]) -> Iterator[Row]:
    """The same rows; their damage is counted, and every few seconds progress is logged."""
    start = reported = time.monotonic()
    for number, row in enumerate(made, 1):
        if row.damage is not None:
            damage[row.damage] += 1
        if number % _ROWS_BETWEEN_LOOKS_AT_THE_CLOCK == 0:
            now = time.monotonic()
            if now - reported >= _REPORT_EVERY_S:
                reported = now
                rate = number / (now - start)
                log.info(
                    "%s of %s rows, %.0f rows/s, %.0f s left", number, rows, rate, (rows - number) / rate
                )
        yield row
