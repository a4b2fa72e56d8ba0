"""The benchmark's replay of learning curves, on curves whose outcome can be counted."""

from __future__ import annotations

import pytest

from benchmarks.asha_replay import Curve, ours, ray_tunes
from tuning.settings import SchedulerSettings

ASHA = SchedulerSettings(name="asha", grace_epochs=1, reduction_factor=3)


def curves(*finals: float) -> list[Curve]:
    """Trials of nine epochs that never cross: each loses one a epoch until its final loss."""
    return [
        Curve(tuple(final + 9 - epoch for epoch in range(1, 10)), tuple([final * 2] * 9)) for final in finals
    ]


def test_ours_takes_a_third_of_a_third() -> None:
    worst_first = ours(curves(9, 8, 7, 6, 5, 4, 3, 2, 1), ASHA, 9)
    # From the third on each third is the best so far, and so goes on; of those, the third to the end.
    assert worst_first.epochs_share == pytest.approx((9 + 2 * 7 + 6 * 5) / 81)
    assert worst_first.loss_ratio == 1


def test_best_first_costs_least_either_way() -> None:
    best_first = curves(1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert ours(best_first, ASHA, 9).epochs_share == pytest.approx((9 + 2 * 3 + 6) / 81)
    stopped = ray_tunes(best_first, ASHA, 9)
    assert stopped.epochs_share == pytest.approx((9 + 8) / 81)
    assert stopped.loss_ratio == 1


def test_ray_tunes_lets_every_first_comer_go_on() -> None:
    assert ray_tunes(curves(3, 2, 1), ASHA, 9).epochs_share == 1
    assert ours(curves(3, 2, 1), ASHA, 9).epochs_share == pytest.approx((3 + 8) / 27)


def test_the_winner_is_what_validation_picks_and_its_test_loss_counts() -> None:
    misled = [Curve((1.0,) * 9, (5.0,) * 9), Curve((2.0,) * 9, (4.0,) * 9)]
    assert ray_tunes(misled, ASHA, 9).loss_ratio == pytest.approx(5 / 4)
