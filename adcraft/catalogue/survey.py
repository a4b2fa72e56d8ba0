"""One quick look through a feed before anything is written for it: how many rows, and where they are.

So the work is cut the same way each time, a job that goes on knows what is missing, and the time left can
be told. Counting takes a few seconds for a million rows; to write for them takes hours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adcraft.data.feed_file import FeedFile
from adcraft.data.progress import Progress

SLICE_ROWS = 512
"""Rows of a slice: what is lost, at most, of each engine's work when a job is killed."""


@dataclass(frozen=True)
class Slice:
    """A run of rows of one chunk: what an engine writes for at a time, and one part file.

    Attributes:
        file: index of the feed's file.
        chunk: index in the file.
        number: index in the chunk.
        first_row: number in the file of the chunk's first row, from 1; a header is not counted.
        start: position in the chunk of the slice's first row.
        stop: position behind its last.
    """

    file: int
    chunk: int
    number: int
    first_row: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Of its part's file."""
        return f"{self.file:06d}-{self.chunk:08d}-{self.number:06d}.arrow"


@dataclass(frozen=True)
class Survey:
    """What a feed holds.

    Attributes:
        digest: SHA-256 of its content, as hex.
        counts: of each file, the rows of each chunk.
    """

    digest: str
    counts: Sequence[Sequence[int]]

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(map(sum, self.counts))

    def slices(self) -> Iterator[Slice]:
        """All of them, in the order of the feed."""
        for file, chunks in enumerate(self.counts):
            first_row = 1
            for chunk, rows in enumerate(chunks):
                for number, start in enumerate(range(0, rows, SLICE_ROWS)):
                    yield Slice(file, chunk, number, first_row, start, min(start + SLICE_ROWS, rows))
                first_row += rows


def survey(files: Sequence[FeedFile]) -> Survey:
    """Read every file once.

    Raises:
        FeedError: one can't be read.
    """
    digest, counts, progress = hashlib.sha256(), list[list[int]](), Progress("counted")
    for file in files:
        counts.append([])
        digest.update(f"\0{file.name}\0".encode())
        for number, chunk in enumerate(file.chunks()):
            digest.update(chunk)
            counts[-1].append(file.parser.parse(chunk, is_first=number == 0).count)
            progress.add(counts[-1][-1])
    progress.done()
    return Survey(digest.hexdigest(), counts)
