"""The learning rate, over a run that ends by epochs or by the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.training.schedule import Budget, learning_rate

FRACTIONS = st.floats(0, 1)
WARMUPS = st.floats(0, 0.99)


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    at = [learning_rate(p, peak=2.0, warmup=0.2) for p in (0, 0.1, 0.2, 0.6, 1.0)]
    assert at == pytest.approx([0.002, 1.0, 2.0, 1.0, 0.0])


def test_without_warm_up_it_starts_at_the_peak() -> None:
    assert learning_rate(0, peak=3.0, warmup=0) == 3.0
    assert learning_rate(0.5, peak=3.0, warmup=0) == 1.5


@given(FRACTIONS, WARMUPS)
def test_the_rate_is_between_nothing_and_the_peak(progress: float, warmup: float) -> None:
    rate = learning_rate(progress, peak=1.0, warmup=warmup)
    assert 0 <= rate <= 1
    assert rate > 0 or progress == 1


@given(FRACTIONS, FRACTIONS, WARMUPS)
def test_it_rises_before_the_peak_and_falls_after_it(one: float, other: float, warmup: float) -> None:
    early, late = sorted((one, other))
    at_early, at_late = (learning_rate(p, peak=1.0, warmup=warmup) for p in (early, late))
    if late < warmup:
        assert at_early <= at_late
    if early >= warmup:
        assert at_early >= at_late


@given(WARMUPS.filter(lambda warmup: warmup > 1e-3))
def test_there_is_no_jump_at_the_peak(warmup: float) -> None:
    before, after = (learning_rate(warmup * (1 + side), peak=1.0, warmup=warmup) for side in (-1e-9, 1e-9))
    assert before == pytest.approx(after, abs=1e-6)


@pytest.mark.parametrize(
    ("budget", "rows", "elapsed", "progress"),
    [
        (Budget(epochs=4, seconds=0, rows=100), 100, 1e9, 0.25),  # no clock
        (Budget(epochs=4, seconds=60, rows=100), 100, 6, 0.25),  # the epochs end first
        (Budget(epochs=4, seconds=60, rows=100), 100, 30, 0.5),  # the clock does
        (Budget(epochs=4, seconds=60, rows=100), 100, 600, 1.0),
        (Budget(epochs=4, seconds=60, rows=100), 500, 0, 1.0),
        (Budget(epochs=4, seconds=60, rows=100), 0, 0, 0.0),
        (Budget(epochs=4, seconds=0, rows=0), 0, 0, 0.0),
    ],
)
def test_the_nearer_end_counts(budget: Budget, rows: int, elapsed: float, progress: float) -> None:
    assert budget.progress(rows, elapsed) == pytest.approx(progress)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0, 100), st.floats(0, 100))
def test_progress_never_goes_back(rows: int, more: int, elapsed: float, longer: float) -> None:
    budget = Budget(epochs=2, seconds=50, rows=100)
    assert 0 <= budget.progress(rows, elapsed) <= budget.progress(rows + more, elapsed + longer) <= 1
