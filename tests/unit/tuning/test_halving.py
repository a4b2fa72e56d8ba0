"""ASHA: decided by rung, from all that came to it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tuning.halving import promotable, reason_not_promoted, rungs


def test_rungs_are_the_grace_and_its_multiples() -> None:
    assert rungs(1, 3, 9) == [1, 3]
    assert rungs(1, 3, 10) == [1, 3, 9]
    assert rungs(2, 2, 17) == [2, 4, 8, 16]
    assert rungs(1, 1.5, 6) == [1, 2, 3, 4]
    assert rungs(5, 3, 5) == []


def test_one_in_three_goes_on_the_best_first() -> None:
    scores = {0: {1: 3.0}, 1: {1: 2.0}}
    assert promotable(scores, {0: 1, 1: 1}, 3, last=False) is None
    scores[2] = {1: 4.0}
    assert promotable(scores, {0: 1, 1: 1, 2: 1}, 3, last=False) == 1
    scores[1] |= {2: 1.5, 3: 1.0}
    assert promotable(scores, {0: 1, 1: 3, 2: 1}, 3, last=False) is None  # a third of three has gone on
    scores[3] = {1: 1.0}  # now the best, but only one of four may go
    assert promotable(scores, {0: 1, 1: 3, 2: 1, 3: 1}, 3, last=False) == 3


def test_the_highest_rung_comes_first() -> None:
    scores = {0: {1: 1.0, 3: 5.0}, 1: {1: 2.0, 3: 6.0}, 2: {1: 3.0, 3: 7.0}, 3: {1: 0.5}}
    assert promotable(scores, {0: 3, 1: 3, 2: 3, 3: 1}, 3, last=False) == 0
    assert promotable(scores, {1: 3, 2: 3, 3: 1}, 3, last=False) == 3


def test_at_the_last_the_best_goes_on_however_few_came() -> None:
    scores = {0: {1: 3.0}, 1: {1: 2.0}}
    assert promotable(scores, {0: 1, 1: 1}, 3, last=True) == 1
    scores[1] |= {2: 1.5, 3: 1.0}
    assert promotable(scores, {0: 1, 1: 3}, 3, last=True) == 1
    assert promotable(scores, {0: 1}, 3, last=True) is None  # when 1 is past that rung


def test_the_reason_says_place_and_number() -> None:
    scores = {0: {1: 3.0}, 1: {1: 2.0, 3: 1.0}, 2: {1: 3.0}}
    assert reason_not_promoted(scores, 2, 1, 3) == "asha: number 3 of 3 after epoch 1; the best 1/3 go on"


def test_a_score_that_is_no_number_is_the_worst() -> None:
    scores = {0: {1: math.nan}, 1: {1: 2.0}, 2: {1: 1.0}, 3: {1: math.nan}}
    assert promotable(scores, dict.fromkeys(scores, 1), 3, last=False) == 2
    assert reason_not_promoted(scores, 3, 1, 3).startswith("asha: number 4 of 4")


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.sampled_from([1.5, 2.0, 3.0, 4.0]))
def test_what_goes_on_from_a_full_rung_are_the_best_of_it(losses: list[float], factor: float) -> None:
    scores = {number: {1: loss} for number, loss in enumerate(losses)}
    waiting = dict.fromkeys(scores, 1)
    gone: list[int] = []
    while (number := promotable(scores, waiting, factor, last=False)) is not None:
        gone.append(number)
        del waiting[number]
    assert len(gone) == int(len(losses) / factor)
    assert all(losses[number] <= losses[other] for number in gone for other in waiting)
    last = promotable(scores, waiting, factor, last=True)
    assert (last is None) == bool(gone)
