"""What a batch's places are idle for."""

import pytest

from benchmarks.engine_gains import BATCH, idle_share


def test_texts_of_one_length_leave_no_place_idle() -> None:
    assert idle_share([7] * (BATCH + 5)) == 0


def test_a_place_is_idle_from_its_texts_end_to_the_longest_ones() -> None:
    assert idle_share([4, 10, 10, 8]) == pytest.approx(8 / 40)
    assert idle_share([5] * BATCH + [10, 6]) == pytest.approx(4 / (5 * BATCH + 20))
