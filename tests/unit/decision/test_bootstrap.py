"""The bootstrap: paired, over products, and as wide as theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.decision.bootstrap import Floats, Metric, PairedBootstrap, Score, gain


def mean(sums: Floats) -> Floats:
    return sums[..., 0] / sums[..., 1]


MEAN = Metric("mean", "mean", "higher", 3, mean)
ERROR = Metric("error", "error", "lower", 3, mean)
METRICS = {"mean": MEAN, "error": ERROR}


def column(values: list[float]) -> Floats:
    return np.stack([np.array(values, float), np.ones(len(values))], axis=1)


def products(count: int) -> list[str]:
    return [f"p{index}" for index in range(count)]


def bootstrap(keys: list[str], *, confidence: float = 0.95, seed: int = 1) -> PairedBootstrap:
    return PairedBootstrap(keys, resamples=1000, confidence=confidence, seed=seed)


def test_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    drawn = bootstrap(products(400))
    found = drawn.estimate(drawn.scores(METRICS, {"mean": column(list(values))})["mean"])
    standard_error = values.std() / math.sqrt(400)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * standard_error, rel=0.15)
    assert found.low < found.value < found.high


def test_rows_of_one_product_are_drawn_together() -> None:
    """Ten equal rows of a product tell no more than one."""
    values = list(np.random.default_rng(4).normal(0, 1, 50))
    once, tenfold = bootstrap(products(50)), bootstrap([key for key in products(50) for _ in range(10)])
    single = once.estimate(once.scores(METRICS, {"mean": column(values)})["mean"])
    rows = column([value for value in values for _ in range(10)])
    assert tenfold.products == 50
    repeated = tenfold.estimate(tenfold.scores(METRICS, {"mean": rows})["mean"])
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low, rel=0.15)


def test_pairing_takes_out_what_both_sides_share() -> None:
    generator = np.random.default_rng(5)
    hard = generator.normal(0, 10, 200)
    drawn = bootstrap(products(200))
    sides = [
        drawn.scores(METRICS, {"mean": column(list(hard + shift + generator.normal(0, 0.1, 200)))})["mean"]
        for shift in (0.1, 0.0)
    ]
    alone = drawn.estimate(sides[0])
    difference = drawn.estimate(gain(MEAN, *sides))
    assert alone.high - alone.low > 2
    assert 0 < difference.low < 0.1 < difference.high + 0.05
    assert difference.high - difference.low < 0.1


def test_lower_is_a_gain_where_lower_is_better() -> None:
    ours, theirs = (Score(value, np.array([value, value + 0.5])) for value in (1.0, 3.0))
    assert gain(ERROR, ours, theirs).value == 2.0
    assert gain(MEAN, ours, theirs).value == -2.0
    assert gain(ERROR, ours, theirs).resampled.tolist() == [2.0, 2.0]


def test_same_seed_same_interval_and_other_metrics_change_nothing() -> None:
    values = column([1.0, 2.0, 5.0, 9.0])
    alone = bootstrap(products(4)).scores(METRICS, {"mean": values})["mean"]
    beside = bootstrap(products(4)).scores(METRICS, {"error": values * 3, "mean": values})["mean"]
    other = bootstrap(products(4), seed=2).scores(METRICS, {"mean": values})["mean"]
    assert alone.resampled.tolist() == beside.resampled.tolist()
    assert alone.resampled.tolist() != other.resampled.tolist()


def test_many_products_are_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    values = column([float(index % 7) for index in range(300)])
    whole = bootstrap(products(300)).scores(METRICS, {"mean": values})["mean"]
    monkeypatch.setattr("adcraft.decision.bootstrap._CELLS_AT_ONCE", 1000)
    pieces = bootstrap(products(300)).scores(METRICS, {"mean": values})["mean"]
    assert pieces.resampled == pytest.approx(whole.resampled)


def test_a_single_product_has_no_noise_to_show() -> None:
    drawn = bootstrap(["p"])
    found = drawn.estimate(drawn.scores(METRICS, {"mean": column([0.5])})["mean"])
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


@given(
    values=st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    shift=st.floats(0.01, 10),
)
def test_a_side_that_is_better_for_every_product_is_better_beyond_noise(
    values: list[float], shift: float
) -> None:
    drawn = bootstrap(products(len(values)))
    theirs = drawn.scores(METRICS, {"mean": column(values)})["mean"]
    ours = drawn.scores(METRICS, {"mean": column([value + shift for value in values])})["mean"]
    found = drawn.estimate(gain(MEAN, ours, theirs))
    assert found.low == pytest.approx(shift, abs=1e-5)
    assert found.high == pytest.approx(shift, abs=1e-5)


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_a_model_against_itself_gains_nothing(values: list[float]) -> None:
    drawn = bootstrap(products(len(values)))
    score = drawn.scores(METRICS, {"mean": column(values)})["mean"]
    found = drawn.estimate(gain(MEAN, score, score))
    assert (found.low, found.value, found.high) == (0, 0, 0)


def test_equal_models_are_rarely_told_apart() -> None:
    """Over many pairs of equals the 95% interval leaves zero out in about one of twenty."""
    generator = np.random.default_rng(8)
    apart = 0
    for seed in range(200):
        drawn = PairedBootstrap(products(100), resamples=200, confidence=0.95, seed=seed)
        ours, theirs = (
            drawn.scores(METRICS, {"mean": column(list(generator.normal(0, 1, 100)))})["mean"] for _ in "ab"
        )
        found = drawn.estimate(gain(MEAN, ours, theirs))
        apart += not found.low <= 0 <= found.high
    assert 2 <= apart <= 25
