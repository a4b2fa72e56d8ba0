"""Batches: every row once, within the budget, little padding, the same by seed."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adcraft.training.batches import IGNORED, Line, Row, collate, packed

ROWS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 40)).map(lambda size: Row([3] * size[0], [4] * size[1])),
    max_size=80,
)
BUDGETS = st.integers(8, 400)
POOLS = st.integers(1, 100)
SEEDS = st.integers(0, 9)


def padded(batch: list[Line]) -> int:
    width = max(sum(len(row.source) for row in line) for line in batch)
    return len(batch) * (width + max(sum(len(row.target) for row in line) for line in batch))


def many(count: int, seed: int = 1) -> list[Row]:
    """Rows of lengths as a feed has them."""
    rng = random.Random(seed)
    return [
        Row([3] * min(96, 8 + int(rng.expovariate(1 / 25))), [4] * rng.randint(8, 60)) for _ in range(count)
    ]


@given(ROWS, BUDGETS, POOLS, SEEDS)
def test_every_row_is_in_one_batch(rows: list[Row], budget: int, pool: int, seed: int) -> None:
    marked = [Row([index, *row.source[1:]], row.target) for index, row in enumerate(rows)]
    batches = list(packed(marked, budget, pool=pool, generator=random.Random(seed)))
    found = Counter(row.source[0] for batch in batches for line in batch for row in line)
    assert found == Counter(range(len(rows)))
    assert all(batches)
    assert all(line for batch in batches for line in batch)


@given(ROWS, BUDGETS, POOLS, SEEDS)
def test_no_batch_is_over_the_budget_but_of_one_row(
    rows: list[Row], budget: int, pool: int, seed: int
) -> None:
    for batch in packed(rows, budget, pool=pool, generator=random.Random(seed)):
        assert padded(batch) <= budget or (len(batch) == 1 and len(batch[0]) == 1)


def test_the_seed_alone_decides() -> None:
    rows = many(500)
    one, same, other = (
        [
            [[id(row) for row in line] for line in batch]
            for batch in packed(rows, 800, pool=128, generator=random.Random(seed))
        ]
        for seed in (5, 5, 6)
    )
    assert one == same
    assert one != other


def test_another_epoch_has_other_neighbours_and_another_order() -> None:
    rows = [Row([index] * 10, [4] * 10) for index in range(200)]
    generator = random.Random(1)
    epochs = [
        [
            frozenset(row.source[0] for line in batch for row in line)
            for batch in packed(rows, 100, pool=200, generator=generator)
        ]
        for _ in range(2)
    ]
    assert not set(epochs[0]) & set(epochs[1])


def test_little_is_padding_though_rows_differ_in_length() -> None:
    rows = many(4000)
    useful = sum(len(row.source) + len(row.target) for row in rows)
    batches = list(packed(rows, 1536, pool=2048, generator=random.Random(1)))
    unpacked = [[[row] for row in rows[start : start + 24]] for start in range(0, len(rows), 24)]
    assert 1 - useful / sum(map(padded, batches)) < 0.12
    assert 1 - useful / sum(map(padded, unpacked)) > 0.35
    assert len(batches) < 1.2 * useful / 1536


def test_examples_that_fill_the_budget_as_they_are_get_no_long_lines() -> None:
    """One line of six examples would leave no padding, and cost half as much again for its attention."""
    rng = random.Random(3)
    rows = [Row([3] * rng.randint(92, 108), [4] * rng.randint(26, 36)) for _ in range(1000)]
    batches = list(packed(rows, 768, pool=1000, generator=random.Random(1)))
    widths = [sum(len(row.source) for row in line) for batch in batches for line in batch]
    assert statistics.fmean(widths) < 220
    useful = sum(len(row.source) + len(row.target) for row in rows)
    assert 1 - useful / sum(map(padded, batches)) < 0.15


def test_a_few_rows_of_other_lengths_widen_few_batches() -> None:
    rows = [*many(2000), *(Row([3] * 500, [4] * 5) for _ in range(10))]
    useful = sum(len(row.source) + len(row.target) for row in rows)
    batches = list(packed(rows, 1536, pool=4096, generator=random.Random(1)))
    assert 1 - useful / sum(map(padded, batches)) < 0.15


def test_batches_are_alike_in_what_they_hold() -> None:
    """Of every length something: a batch of long rows alone pulls the model elsewhere than one of short."""
    rows = many(4000)
    batches = packed(rows, 1536, pool=2048, generator=random.Random(1))
    means = [
        statistics.fmean(len(row.target) for row in (row for line in batch for row in line))
        for batch in batches
        if sum(map(len, batch)) > 10
    ]
    by_chance = [
        statistics.fmean(len(row.target) for row in rows[start : start + 20]) for start in range(0, 4000, 20)
    ]
    assert statistics.stdev(means) < 1.3 * statistics.stdev(by_chance)


def test_a_pool_at_a_time_is_read() -> None:
    taken = 0

    def rows() -> Iterator[Row]:
        nonlocal taken
        for row in many(1000):
            taken += 1
            yield row

    next(iter(packed(rows(), 800, pool=100, generator=random.Random(1))))
    assert taken == 100


def test_no_rows_no_batches() -> None:
    assert list(packed([], 800, pool=100, generator=random.Random(1))) == []


def test_collate_pads_each_side_to_its_longest_line() -> None:
    lines = [[Row([5, 6, 1], [7, 1])], [Row([8, 1], [9, 9, 1]), Row([4, 1], [1])]]
    batch = collate(lines, pad_id=0)
    assert batch.input_ids.tolist() == [[5, 6, 1, 0], [8, 1, 4, 1]]
    assert batch.source_segments.tolist() == [[1, 1, 1, 0], [1, 1, 2, 2]]
    assert batch.decoder_input_ids.tolist() == [[0, 7, 0, 0], [0, 9, 9, 0]]
    assert batch.labels.tolist() == [[7, 1, IGNORED, IGNORED], [9, 9, 1, 1]]
    assert batch.target_segments.tolist() == [[1, 1, 0, 0], [1, 1, 1, 2]]
    assert (batch.examples, batch.target_tokens, batch.tokens) == (3, 6, 13)
    tensors = [value for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    assert {tensor.dtype for tensor in tensors} == {torch.int64}


@given(ROWS.filter(bool), SEEDS)
def test_collate_counts_and_loses_nothing(rows: list[Row], seed: int) -> None:
    for lines in packed(rows, 300, pool=100, generator=random.Random(seed)):
        batch = collate(lines, pad_id=0)
        assert batch.examples == sum(map(len, lines))
        assert batch.target_tokens == int((batch.labels != IGNORED).sum())
        assert batch.tokens == batch.target_tokens + int((batch.source_segments > 0).sum())
        for index, line in enumerate(lines):
            for segment, row in enumerate(line, 1):
                source = batch.source_segments[index] == segment
                target = batch.target_segments[index] == segment
                assert batch.input_ids[index][source].tolist() == list(row.source)
                assert batch.labels[index][target].tolist() == list(row.target)
                assert batch.decoder_input_ids[index][target].tolist() == [0, *row.target[:-1]]


def test_the_padding_id_in_a_text_is_no_padding() -> None:
    batch = collate([[Row([5, 0, 1], [1])]], pad_id=0)
    assert batch.source_segments.tolist() == [[1, 1, 1]]


def test_an_empty_batch_can_not_be_collated() -> None:
    with pytest.raises(ValueError, match="empty"):
        collate([], pad_id=0)
