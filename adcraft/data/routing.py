"""Which rows of which parts each file of the dataset is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from adcraft.data.feed_file import FeedFile
from adcraft.data.manifest import REJECTED, SPLITS
from adcraft.data.parts import Part, bad_file, good_file
from adcraft.data.shards import SHARD_ROWS, Piece, Shard
from adcraft.data.splitting import Assignment


def split_shards(
    files: Sequence[FeedFile], folder: Path, parts: Sequence[Part], assignment: Assignment
) -> Iterator[Shard]:
    """The files of the splits, each of ``SHARD_ROWS`` rows but for a split's last.

    Args:
        files: of the feed.
        folder: of the parts' files.
        parts: in the order of the feed.
        assignment: of the parts' good rows, one after the other.
    """
    ends = np.cumsum([len(part.keys) for part in parts])
    first_rows = first_row_numbers(parts)
    for code, split in enumerate(SPLITS):
        rows_of_split = np.flatnonzero(assignment.split == code)
        for number, start in enumerate(range(0, max(1, len(rows_of_split)), SHARD_ROWS)):
            chosen = rows_of_split[start : start + SHARD_ROWS]
            part_of_row = np.searchsorted(ends, chosen, side="right")
            pieces = []
            for index in np.unique(part_of_row).tolist():
                part, own = parts[index], chosen[part_of_row == index]
                pieces.append(
                    Piece(
                        part=str(good_file(folder, part)),
                        file=files[part.file].name,
                        first_row=first_rows[index],
                        rows=(own - (ends[index] - len(part.keys))).astype(np.int32),
                        products=assignment.product[own],
                    )
                )
            yield Shard(f"{split}/part-{number:05d}.parquet", pieces)


def rejected_shards(files: Sequence[FeedFile], folder: Path, parts: Sequence[Part]) -> Iterator[Shard]:
    """The files of the rejected rows: whole parts, until there are ``SHARD_ROWS`` rows or more."""
    groups: list[list[Piece]] = [[]]
    bad = 0
    for part, first_row in zip(parts, first_row_numbers(parts), strict=True):
        if part.bad:
            if bad >= SHARD_ROWS:
                groups.append([])
                bad = 0
            bad += part.bad
            name = files[part.file].name
            groups[-1].append(Piece(str(bad_file(folder, part)), name, first_row))
    for number, pieces in enumerate(groups):
        yield Shard(f"{REJECTED}/part-{number:05d}.parquet", pieces)


def first_row_numbers(parts: Sequence[Part]) -> list[int]:
    """The number in its file of each part's first row, from 1 (a header is not counted)."""
    numbers = []
    following: dict[int, int] = {}
    for part in parts:
        numbers.append(following.get(part.file, 1))
        following[part.file] = numbers[-1] + part.count
    return numbers
