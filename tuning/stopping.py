"""Which trials are stopped early: decided from what all trials reported of an epoch, and nothing else.

So a sweep that goes on after its process died compares as if it had never stopped: by epoch, with the
results of all trials, also of those that are over. Scores are such that less is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, median

from tuning.settings import SchedulerSettings

Scores = Mapping[int, float]
"""Epoch to score, of one trial."""


def reason_to_stop(
    scheduler: SchedulerSettings, trials: Mapping[int, Scores], number: int, max_epochs: int
) -> str:
    """Why trial ``number`` should not go on after its latest epoch; "" if it should.

    Args:
        scheduler: which rule, and its numbers.
        trials: scores of all trials by number, of ``number`` among them.
        number: the trial that has reported an epoch.
        max_epochs: after which it ends anyway.
    """
    epoch = max(trials[number])
    if not math.isfinite(trials[number][epoch]) or epoch >= max_epochs or epoch < scheduler.grace_epochs:
        return ""
    if scheduler.name == "median":
        return _median(scheduler, trials, number, epoch)
    return ""


def _median(scheduler: SchedulerSettings, trials: Mapping[int, Scores], number: int, epoch: int) -> str:
    """The median stopping rule (Golovin et al., "Google Vizier", 2017): stop if the best score so far is
    worse than the median of the other trials' mean scores up to the same epoch.
    """
    means = [
        fmean(score for when, score in scores.items() if when <= epoch and math.isfinite(score))
        for other, scores in trials.items()
        if other != number and math.isfinite(scores.get(epoch, math.nan))
    ]
    if len(means) < scheduler.min_trials:
        return ""
    best = min(score for score in trials[number].values() if math.isfinite(score))
    middle = median(means)
    if best <= middle:
        return ""
    return f"median: worse after epoch {epoch} than the middle of {len(means)} other trials ({middle:.3f})"
