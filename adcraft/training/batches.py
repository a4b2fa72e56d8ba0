"""Batches by token budget, from rows of like length: little padding, steady memory."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""A label that the loss leaves out."""

_BAND = 4


@dataclass(frozen=True)
class Row:
    """One example as token ids, both ending in ``</s>``."""

    source: Sequence[int]
    target: Sequence[int]


@dataclass(frozen=True)
class Batch:
    """Tensors of one batch of B rows, padded to S source and T target tokens.

    Attributes:
        input_ids: int64, B x S.
        attention_mask: int64, B x S; 1 where there is a token.
        labels: int64, B x T; ``IGNORED`` where there is none.
        target_tokens: how many labels count.
        tokens: source and target tokens that are not padding.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    target_tokens: int
    tokens: int


def by_token_budget(
    rows: Iterable[Row], budget: int, *, pool: int, generator: random.Random
) -> Iterator[list[Row]]:
    """Group rows so that each batch, padded, has at most ``budget`` source and target tokens.

    Rows are taken ``pool`` at a time, sorted by length, cut into batches, and the batches shuffled;
    so rows of a batch are alike in length and batches are not in order of length. A row that alone is
    over the budget makes a batch of its own.
    """
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == pool:
            yield from _cut(waiting, budget, generator)
            waiting = []
    yield from _cut(waiting, budget, generator)


def collate(rows: Sequence[Row], pad_id: int) -> Batch:
    """Pad a batch to its longest source and longest target."""
    import torch

    width = max(len(row.source) for row in rows)
    height = max(len(row.target) for row in rows)
    input_ids = torch.full((len(rows), width), pad_id, dtype=torch.int64)
    attention_mask = torch.zeros((len(rows), width), dtype=torch.int64)
    labels = torch.full((len(rows), height), IGNORED, dtype=torch.int64)
    for index, row in enumerate(rows):
        input_ids[index, : len(row.source)] = torch.as_tensor(row.source)
        attention_mask[index, : len(row.source)] = 1
        labels[index, : len(row.target)] = torch.as_tensor(row.target)
    target_tokens = sum(len(row.target) for row in rows)
    tokens = target_tokens + sum(len(row.source) for row in rows)
    return Batch(input_ids, attention_mask, labels, target_tokens, tokens)


def _likeness(row: Row) -> tuple[int, int]:
    """Rows of like target lengths together, by source length within; upwards and downwards in turn, so
    that neighbours are alike where one band ends too. Half the padding of sorting by one, then the other.
    """
    band = len(row.target) // _BAND
    return band, len(row.source) if band % 2 else -len(row.source)


def _cut(rows: list[Row], budget: int, generator: random.Random) -> Iterator[list[Row]]:
    generator.shuffle(rows)  # rows of equal length meet different neighbours each epoch
    rows.sort(key=_likeness)
    batches: list[list[Row]] = []
    batch: list[Row] = []
    width = height = 0
    for row in rows:
        wider, higher = max(width, len(row.source)), max(height, len(row.target))
        if batch and (wider + higher) * (len(batch) + 1) > budget:
            batches.append(batch)
            batch, wider, higher = [], len(row.source), len(row.target)
        batch.append(row)
        width, height = wider, higher
    if batch:
        batches.append(batch)
    generator.shuffle(batches)
    yield from batches
