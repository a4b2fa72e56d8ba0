"""Early stopping: decided by epoch, from all that was reported."""

from __future__ import annotations

import math

from tuning.settings import SchedulerSettings
from tuning.stopping import reason_to_stop

MEDIAN = SchedulerSettings(name="median", grace_epochs=2, min_trials=3)


def test_nothing_is_stopped_at_its_last_epoch_in_its_grace_or_when_it_diverged() -> None:
    trials = {number: {1: 1.0, 2: 1.0} for number in range(3)} | {3: {1: 3.0, 2: 3.0}}
    assert reason_to_stop(MEDIAN, trials, 3, 9)
    assert reason_to_stop(MEDIAN, trials, 3, 2) == ""
    assert reason_to_stop(MEDIAN.model_copy(update={"grace_epochs": 3}), trials, 3, 9) == ""
    assert reason_to_stop(SchedulerSettings(name="none"), trials, 3, 9) == ""
    assert reason_to_stop(MEDIAN, trials | {3: {1: 3.0, 2: math.nan}}, 3, 9) == ""


def test_median_stops_what_is_worse_than_the_middle_of_the_others() -> None:
    trials = {0: {1: 3.0, 2: 2.0}, 1: {1: 4.0, 2: 2.0}, 2: {1: 5.0, 2: 4.0}, 3: {1: 3.1, 2: 3.2}}
    reason = reason_to_stop(MEDIAN, trials, 3, 9)
    assert reason == "median: worse after epoch 2 than the middle of 3 other trials (3.000)"
    trials[3] = {1: 2.9, 2: 3.2}
    assert reason_to_stop(MEDIAN, trials, 3, 9) == ""  # its best so far counts
    del trials[2]
    trials[3] = {1: 9.0, 2: 9.0}
    assert reason_to_stop(MEDIAN, trials, 3, 9) == ""  # too few to compare with
