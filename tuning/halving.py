"""Asynchronous successive halving: algorithm 2 of Li et al., "A System for Massively Parallel Hyperparameter
Tuning" (MLSys 2020). A trial trains to a rung and pauses; the best of those that have come to it go on.

Decided from what all trials reported of the rung's epoch, and nothing else. So a sweep that goes on after
its process died compares as if it had never stopped. Scores are such that less is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tuning.stopping import Scores

_ROUNDING = 1e-9


def rungs(grace_epochs: int, reduction_factor: float, max_epochs: int) -> list[int]:
    """Epochs after which trials are compared: the grace, and each time ``reduction_factor`` as many."""
    found: list[int] = []
    power = float(grace_epochs)
    while (epoch := math.ceil(power - _ROUNDING)) < max_epochs:
        if epoch not in found:
            found.append(epoch)
        power *= reduction_factor
    return found


def promotable(
    trials: Mapping[int, Scores], waiting: Mapping[int, int], reduction_factor: float, *, last: bool
) -> int | None:
    """The trial that should go on: from the highest rung that has one, the best of those in the best
    1/factor of all that came there.

    Args:
        trials: scores of all trials that did not fail, by number.
        waiting: the rung, as an epoch, of each trial that waits at one.
        reduction_factor: one in so many goes on.
        last: whether nothing else will come to any rung; then one goes on from each, so that the best is
            trained to its end however few there were.
    """
    for rung in sorted(set(waiting.values()), reverse=True):
        order = _order(trials, rung)
        places = max(math.floor(len(order) / reduction_factor + _ROUNDING), int(last))
        for number in order[:places]:
            if waiting.get(number) == rung:
                return number
    return None


def reason_not_promoted(trials: Mapping[int, Scores], number: int, rung: int, reduction_factor: float) -> str:
    """Why a trial that waits at a rung does not go on, for people; arguments as of :func:`promotable`."""
    order = _order(trials, rung)
    return (
        f"asha: number {order.index(number) + 1} of {len(order)} after epoch {rung}; the best "
        f"1/{reduction_factor:g} go on"
    )


def _order(trials: Mapping[int, Scores], rung: int) -> list[int]:
    """Trials that came to a rung, best first; a score that is no number is the worst."""
    reached = [
        (math.inf if math.isnan(scores[rung]) else scores[rung], number)
        for number, scores in trials.items()
        if rung in scores
    ]
    return [number for _, number in sorted(reached)]
