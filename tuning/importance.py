"""Which searched settings mattered: what a random forest, fitted to the trials, goes by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from tuning.space import Parameter, Scalar
from tuning.study import Study, Trial

FEWEST_TRIALS = 6
"""Fewer say nothing."""

_REPEATS = 20


def importance(study: Study) -> dict[str, float]:
    """Share of each setting, from 0 to 1, most telling first; empty where there are too few trials.

    Trials are compared after the same epoch, the last one that all of them have done: those that were
    stopped early would else look worse than they were. The measure is permutation importance (Breiman,
    "Random Forests", 2001). Empty, too, where the forest tells trials that it was not fitted to no better
    than their mean would.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    metric = study.sweep.objective.metric
    trials = comparable(study)
    if len(trials) < FEWEST_TRIALS:
        return {}
    epoch = common_epoch(trials)
    scores = np.array([_at(trial, epoch)[metric] for trial in trials])
    columns = {
        key: _column(parameter, [trial.values.get(key) for trial in trials])
        for key, parameter in study.sweep.space.items()
    }
    told = np.array(list(columns.values())).T
    forest = RandomForestRegressor(n_estimators=200, min_samples_leaf=2, random_state=0, oob_score=True)
    forest.fit(told, scores)
    if forest.oob_score_ <= 0:
        return {}
    found = permutation_importance(forest, told, scores, n_repeats=_REPEATS, random_state=0)
    shares = np.clip(found.importances_mean, 0, None)
    total = float(shares.sum())
    if not total:
        return {}
    ranked = sorted(zip(columns, shares / total, strict=True), key=lambda item: -item[1])
    return {key: round(float(share), 3) for key, share in ranked}


def comparable(study: Study) -> list[Trial]:
    """Trials whose scores are due to their own values alone: not those that began where another was."""
    metric = study.sweep.objective.metric
    return [
        trial
        for trial in study.ranked()
        if not trial.parent and all(math.isfinite(metrics[metric]) for metrics in trial.history)
    ]


def common_epoch(trials: Sequence[Trial]) -> int:
    """The last epoch that all of them have done."""
    return min(trial.epochs for trial in trials)


def _at(trial: Trial, epoch: int) -> dict[str, float]:
    return next(metrics for metrics in reversed(trial.history) if metrics["epoch"] <= epoch)


def _column(parameter: Parameter, values: Sequence[Scalar | None]) -> list[float]:
    """Where on its axis each value lies. One that was not searched is in the middle of those that were:
    else it would tell what the setting was that it waited for.
    """
    searched = [coordinate(parameter, value) for value in values if value is not None]
    middle = fmean(searched) if searched else 0.5
    return [middle if value is None else coordinate(parameter, value) for value in values]


def coordinate(parameter: Parameter, value: Scalar) -> float:
    """Where between the ends of its range, from 0 to 1, a value lies."""
    if parameter.choice:
        return parameter.choice.index(value) / max(1, len(parameter.choice) - 1)
    low, high = parameter.integers or parameter.log_uniform or parameter.uniform or (0, 1)
    number = float(value)
    if parameter.log_uniform:
        return math.log(number / low) / math.log(high / low)
    return (number - low) / (high - low)
