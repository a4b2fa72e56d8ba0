"""Batches of packed examples: several, one after another, share each line of a batch.

Packing (Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
JMLR 2020, section 3.1.2) leaves little padding though examples meet by chance. Batches of like length leave
as little, but what such a batch teaches is lopsided (decision 0142). No example sees its neighbours:
see ``masks.py``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""A label that the loss leaves out."""

# Average examples that a line may have room for. In a line of few, places stay empty; one of many costs more
# attention, whose work grows with the square of the length. Which is best depends on the examples' lengths.
_PER_LINE = (1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5)
_ATTENTION = 1300
"""A line of so many tokens costs twice what its tokens alone would (model width 256, on a CPU)."""
_FITTING = 0.97
"""Of the rows at least; the others are in batches of their like, which teach less (decision 0142)."""
_PROBED = 512
_OPEN = 256


@dataclass(frozen=True)
class Row:
    """One example as token ids, both ending in ``</s>``."""

    source: Sequence[int]
    target: Sequence[int]


Line = list[Row]
"""Examples that are one line of a batch."""


@dataclass(frozen=True)
class Batch:
    """Tensors of one batch of B lines, padded to S source and T target tokens.

    Attributes:
        input_ids: int64, B x S.
        source_segments: int64, B x S; the number of the example in its line, from 1; 0: padding.
        decoder_input_ids: int64, B x T; each example's target after the start token, without its end.
        labels: int64, B x T; ``IGNORED`` where there is none.
        target_segments: int64, B x T; as ``source_segments``.
        examples: how many there are, in all lines.
        target_tokens: how many labels count.
        tokens: source and target tokens that are not padding.
    """

    input_ids: torch.Tensor
    source_segments: torch.Tensor
    decoder_input_ids: torch.Tensor
    labels: torch.Tensor
    target_segments: torch.Tensor
    examples: int
    target_tokens: int
    tokens: int


def packed(rows: Iterable[Row], budget: int, *, pool: int, generator: random.Random) -> Iterator[list[Line]]:
    """Pack rows into lines, and lines into batches that have at most ``budget`` padded tokens, of source and
    target together.

    Rows are taken ``pool`` at a time, in random order. A row that has no place beside others makes a line of
    its own, among its like; a line that alone is over the budget, a batch.
    """
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == pool:
            yield from _pack(waiting, budget, generator)
            waiting = []
    if waiting:
        yield from _pack(waiting, budget, generator)


def collate(lines: Sequence[Line], pad_id: int) -> Batch:
    """Pad a batch to its longest line of sources and of targets. T5's decoder starts with ``pad_id``."""
    import torch

    width, height = _size(lines)
    input_ids = torch.full((len(lines), width), pad_id, dtype=torch.int64)
    source_segments = torch.zeros_like(input_ids)
    decoder_input_ids = torch.full((len(lines), height), pad_id, dtype=torch.int64)
    labels = torch.full_like(decoder_input_ids, IGNORED)
    target_segments = torch.zeros_like(decoder_input_ids)
    for index, line in enumerate(lines):
        at = to = 0
        for segment, row in enumerate(line, 1):
            source, target = torch.as_tensor(row.source), torch.as_tensor(row.target)
            at_end, to_end = at + len(source), to + len(target)
            input_ids[index, at:at_end] = source
            source_segments[index, at:at_end] = segment
            decoder_input_ids[index, to + 1 : to_end] = target[:-1]
            labels[index, to:to_end] = target
            target_segments[index, to:to_end] = segment
            at, to = at_end, to_end
    target_tokens = sum(len(row.target) for line in lines for row in line)
    tokens = target_tokens + sum(len(row.source) for line in lines for row in line)
    return Batch(
        input_ids,
        source_segments,
        decoder_input_ids,
        labels,
        target_segments,
        examples=sum(map(len, lines)),
        target_tokens=target_tokens,
        tokens=tokens,
    )


def _pack(rows: list[Row], budget: int, generator: random.Random) -> Iterator[list[Line]]:
    generator.shuffle(rows)
    room = _room(rows, budget)
    together = [row for row in rows if _fits(row, room)]
    alone = [row for row in rows if not _fits(row, room)]
    lines = _first_fit(together, room)
    generator.shuffle(lines)  # the last ones have empty places
    alone.sort(key=lambda row: (len(row.source), len(row.target)))
    batches = [*_cut(lines, budget), *_cut([[row] for row in alone], budget)]
    generator.shuffle(batches)
    yield from batches


def _room(rows: Sequence[Row], budget: int) -> tuple[int, int]:
    """Source and target tokens of a line, so that batches of them take the least time for what they hold."""
    source = sum(len(row.source) for row in rows) / len(rows)
    target = sum(len(row.target) for row in rows) / len(rows)
    examples = budget / max(1.0, source + target)
    rooms = []
    for lines in sorted({max(1, round(examples / per_line)) for per_line in _PER_LINE}, reverse=True):
        sources = math.floor(budget / lines * source / (source + target))
        rooms.append((sources, budget // lines - sources))
    probed = rows[:_PROBED]
    roomy = [room for room in rooms if sum(_fits(row, room) for row in probed) >= _FITTING * len(probed)]

    def cost(room: tuple[int, int]) -> float:
        together = [row for row in probed if _fits(row, room)]
        alone = [[row] for row in probed if not _fits(row, room)]
        batches = [*_cut(_first_fit(together, room), budget), *_cut(alone, budget)]
        return sum(len(batch) * _cost(*_size(batch)) for batch in batches)

    return min(roomy or rooms[-1:], key=cost)


def _cost(source: int, target: int) -> float:
    """Of a line: its tokens, and the pairs of them that attention looks at."""
    return source + target + (source**2 + target**2 + source * target) / _ATTENTION


def _size(batch: Iterable[Line]) -> tuple[int, int]:
    """Source and target tokens of the longest line of either."""
    sizes = [(sum(len(row.source) for row in line), sum(len(row.target) for row in line)) for line in batch]
    return max(source for source, _ in sizes), max(target for _, target in sizes)


def _fits(row: Row, room: tuple[int, int]) -> bool:
    return len(row.source) <= room[0] and len(row.target) <= room[1]


def _first_fit(rows: Iterable[Row], room: tuple[int, int]) -> list[Line]:
    """Each row into the first line that has a place for it, of those begun last."""
    lines: list[Line] = []
    begun: list[list[int]] = []  # of a line: number, source and target tokens that are left
    for row in rows:
        source, target = len(row.source), len(row.target)
        for left in begun:
            if source <= left[1] and target <= left[2]:
                lines[left[0]].append(row)
                left[1] -= source
                left[2] -= target
                break
        else:
            begun.append([len(lines), room[0] - source, room[1] - target])
            lines.append([row])
            if len(begun) > _OPEN:
                del begun[0]
    return lines


def _cut(lines: Iterable[Line], budget: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    width = height = 0
    for line in lines:
        source, target = sum(len(row.source) for row in line), sum(len(row.target) for row in line)
        wider, higher = max(width, source), max(height, target)
        if batch and (wider + higher) * (len(batch) + 1) > budget:
            yield batch
            batch, wider, higher = [], source, target
        batch.append(line)
        width, height = wider, higher
    if batch:
        yield batch
