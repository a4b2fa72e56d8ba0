"""Batches: every row once, within the budget, little padding, the same by seed."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adcraft.training.batches import IGNORED, Row, by_token_budget, collate

ROWS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 40)).map(lambda size: Row([3] * size[0], [4] * size[1])),
    max_size=80,
)
BUDGETS = st.integers(8, 400)
POOLS = st.integers(1, 100)
SEEDS = st.integers(0, 9)


def padded(batch: list[Row]) -> int:
    return len(batch) * (max(len(row.source) for row in batch) + max(len(row.target) for row in batch))


def many(count: int, seed: int = 1) -> list[Row]:
    """Rows of lengths as a feed has them."""
    rng = random.Random(seed)
    return [
        Row([3] * min(96, 8 + int(rng.expovariate(1 / 25))), [4] * rng.randint(8, 60)) for _ in range(count)
    ]


@given(ROWS, BUDGETS, POOLS, SEEDS)
def test_every_row_is_in_one_batch(rows: list[Row], budget: int, pool: int, seed: int) -> None:
    marked = [Row([index, *row.source[1:]], row.target) for index, row in enumerate(rows)]
    batches = list(by_token_budget(marked, budget, pool=pool, generator=random.Random(seed)))
    assert Counter(row.source[0] for batch in batches for row in batch) == Counter(range(len(rows)))
    assert all(batches)


@given(ROWS, BUDGETS, POOLS, SEEDS)
def test_no_batch_is_over_the_budget_but_of_one_row(
    rows: list[Row], budget: int, pool: int, seed: int
) -> None:
    for batch in by_token_budget(rows, budget, pool=pool, generator=random.Random(seed)):
        assert padded(batch) <= budget or len(batch) == 1


def test_the_seed_alone_decides() -> None:
    rows = many(500)
    one, same, other = (
        [
            [id(row) for row in batch]
            for batch in by_token_budget(rows, 800, pool=128, generator=random.Random(seed))
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
            frozenset(row.source[0] for row in batch)
            for batch in by_token_budget(rows, 100, pool=200, generator=generator)
        ]
        for _ in range(2)
    ]
    assert not set(epochs[0]) & set(epochs[1])


def test_rows_of_a_batch_are_alike_in_length() -> None:
    rows = many(4000)
    useful = sum(len(row.source) + len(row.target) for row in rows)
    batches = list(by_token_budget(rows, 1536, pool=2048, generator=random.Random(1)))
    waste = 1 - useful / sum(map(padded, batches))
    unsorted = [rows[start : start + 24] for start in range(0, len(rows), 24)]
    assert waste < 0.12
    assert 1 - useful / sum(map(padded, unsorted)) > 0.35
    assert len(batches) < 1.2 * useful / 1536


def test_batches_are_not_in_order_of_length() -> None:
    batches = by_token_budget(many(2000), 1536, pool=2048, generator=random.Random(1))
    lengths = [max(len(row.target) for row in batch) for batch in batches]
    longer = sum(left < right for left, right in itertools.pairwise(lengths))
    shorter = sum(left > right for left, right in itertools.pairwise(lengths))
    assert 0.6 < longer / shorter < 1.7


def test_a_pool_at_a_time_is_read() -> None:
    taken = 0

    def rows() -> Iterator[Row]:
        nonlocal taken
        for row in many(1000):
            taken += 1
            yield row

    next(iter(by_token_budget(rows(), 800, pool=100, generator=random.Random(1))))
    assert taken == 100


def test_no_rows_no_batches() -> None:
    assert list(by_token_budget([], 800, pool=100, generator=random.Random(1))) == []


def test_collate_pads_each_side_to_its_longest() -> None:
    batch = collate([Row([5, 6, 1], [7, 1]), Row([8, 1], [9, 9, 9, 1])], pad_id=0)
    assert batch.input_ids.tolist() == [[5, 6, 1], [8, 1, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch.labels.tolist() == [[7, 1, IGNORED, IGNORED], [9, 9, 9, 1]]
    assert (batch.target_tokens, batch.tokens) == (6, 11)
    assert {batch.input_ids.dtype, batch.attention_mask.dtype, batch.labels.dtype} == {torch.int64}


@given(ROWS.filter(bool))
def test_collate_counts_and_loses_nothing(rows: list[Row]) -> None:
    batch = collate(rows, pad_id=0)
    assert batch.target_tokens == int((batch.labels != IGNORED).sum())
    assert batch.tokens == batch.target_tokens + int(batch.attention_mask.sum())
    for index, row in enumerate(rows):
        assert batch.input_ids[index][batch.attention_mask[index].bool()].tolist() == list(row.source)
        assert batch.labels[index][batch.labels[index] != IGNORED].tolist() == list(row.target)


def test_a_pad_token_inside_a_source_is_not_masked() -> None:
    assert collate([Row([5, 0, 1], [1])], pad_id=0).attention_mask.tolist() == [[1, 1, 1]]


def test_an_empty_batch_can_not_be_collated() -> None:
    with pytest.raises(ValueError, match="empty"):
        collate([], pad_id=0)
