"""A plan crosses processes, and its global batch is the same for any number of workers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.training.adapters import Adapters
from adcraft.training.plan import TrainingPlan

ADAPTERS = Adapters(rank=4, alpha=16, dropout=0.0, targets=("q", "v"), tokens=(7, 8))


def plan(*, workers: int = 1, accumulate: int = 1, adapters: Adapters | None = None) -> TrainingPlan:
    return TrainingPlan(
        base="base",
        pretrained=False,
        rows=10,
        epochs=1,
        seconds=0,
        patience=0,
        threads=1,
        workers=workers,
        strategy="ddp",
        tokens_per_batch=96,
        accumulate=accumulate,
        learning_rate=0.01,
        warmup=0.1,
        weight_decay=0.0,
        label_smoothing=0.0,
        clip_norm=1.0,
        precision="auto",
        gradient_checkpointing=False,
        compile=False,
        adapters=adapters,
        seed=1,
        target_tokens=8,
        sample_sources=(),
    )


@pytest.mark.parametrize("adapters", [None, ADAPTERS])
def test_comes_back_from_its_config(adapters: Adapters | None) -> None:
    made = plan(adapters=adapters)
    assert TrainingPlan.from_config(made.as_config()) == made
    json.dumps(made.as_config())


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 9), st.integers(0, 100))
def test_a_global_batch_is_as_large_for_any_number_of_workers(
    workers: int, accumulate: int, world: int, step: int
) -> None:
    shares = [plan(workers=workers, accumulate=accumulate).share(rank, world, step) for rank in range(world)]
    assert sum(batches for batches, _ in shares) == workers * accumulate
    ((passes),) = {passes for _, passes in shares}
    assert max(batches for batches, _ in shares) == passes


def test_where_all_are_there_each_has_its_own() -> None:
    made = plan(workers=3, accumulate=4)
    assert {made.share(rank, 3, step) for rank in range(3) for step in range(5)} == {(4, 4)}


def test_what_does_not_divide_goes_round() -> None:
    made = plan(workers=3)
    assert [made.share(0, 2, step)[0] for step in range(4)] == [2, 1, 2, 1]
