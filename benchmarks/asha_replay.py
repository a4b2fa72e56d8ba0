"""ASHA over learning curves that are known: what it would have come to, in whatever order trials had come.

    python -m benchmarks.asha_replay

prints what ours and Ray Tune's cost where the first epoch already tells the order of the trials.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler

from tuning.halving import promotable, rungs
from tuning.settings import SchedulerSettings


@dataclass(frozen=True)
class Curve:
    """Losses after each epoch of a trial that ran to its end."""

    validation: tuple[float, ...]
    test: tuple[float, ...]

    def test_of_best(self, epochs: int) -> tuple[float, float]:
        """Of the first ``epochs``, the least validation loss, and the test loss of that epoch."""
        best = min(range(epochs), key=self.validation.__getitem__)
        return self.validation[best], self.test[best]


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        epochs_share: epochs trained, over those of all trials run to their end.
        loss_ratio: test loss of its winner, over the best test loss of all trials run to their end.
    """

    epochs_share: float
    loss_ratio: float


def ours(curves: Sequence[Curve], scheduler: SchedulerSettings, max_epochs: int) -> Outcome:
    """One part of a trial after another, as ``tuning.study`` decides with :mod:`tuning.halving`."""
    ends = [*rungs(scheduler.grace_epochs, scheduler.reduction_factor, max_epochs), max_epochs]
    scores: dict[int, dict[int, float]] = {}
    waiting: dict[int, int] = {}
    while True:
        number = promotable(scores, waiting, scheduler.reduction_factor, last=False)
        if number is None and len(scores) == len(curves):
            number = promotable(scores, waiting, scheduler.reduction_factor, last=True)
            if number is None:
                return _outcome(curves, [len(scores[number]) for number in range(len(curves))])
        if number is None:
            number = len(scores)
            scores[number] = {}
        end = next(epoch for epoch in ends if epoch > waiting.get(number, 0))
        scores[number] = dict(enumerate(curves[number].validation[:end], 1))
        waiting[number] = end
        if end == max_epochs:
            del waiting[number]


def ray_tunes(curves: Sequence[Curve], scheduler: SchedulerSettings, max_epochs: int) -> Outcome:
    """One trial after another through the scheduler of Ray Tune, which stops and never goes back."""
    peer = AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="score",
        mode="min",
        grace_period=scheduler.grace_epochs,
        reduction_factor=scheduler.reduction_factor,
        max_t=max_epochs,
    )
    controller: Any = None
    done = []
    for number, curve in enumerate(curves):
        trial = Trial("replayed", trial_id=str(number), stub=True)
        peer.on_trial_add(controller, trial)
        for epoch, loss in enumerate(curve.validation, 1):
            decision = peer.on_trial_result(controller, trial, {"epoch": epoch, "score": loss})
            if decision == AsyncHyperBandScheduler.STOP:
                break
        done.append(epoch)
    return _outcome(curves, done)


def _outcome(curves: Sequence[Curve], epochs: Sequence[int]) -> Outcome:
    """Of trials that were trained for so many epochs each."""
    winner = min(curve.test_of_best(count) for curve, count in zip(curves, epochs, strict=True))
    best = min(curve.test_of_best(len(curve.test))[1] for curve in curves)
    return Outcome(sum(epochs) / sum(len(curve.test) for curve in curves), winner[1] / best)


def ideal(trials: int, max_epochs: int) -> list[Curve]:
    """Curves that never cross."""
    return [
        Curve(tuple(float(final - epoch) for epoch in range(max_epochs)), (1.0 + final,) * max_epochs)
        for final in range(trials)
    ]


def main() -> None:
    """Print the share of epochs in 1,000 random orders of the shipped sweep's twelve trials."""
    from benchmarks.asha import sweep_of

    argparse.ArgumentParser(
        prog="python -m benchmarks.asha_replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    sweep = sweep_of(0, "asha", Path())
    last = sweep.settings.train.max_epochs
    curves = ideal(sweep.budget.trials, last)
    for factor in (2.0, sweep.scheduler.reduction_factor, 4.0):
        scheduler = sweep.scheduler.model_copy(update={"reduction_factor": factor})
        for form in (ours, ray_tunes):
            generator = random.Random(0)
            shares = [
                form(generator.sample(curves, len(curves)), scheduler, last).epochs_share for _ in range(1000)
            ]
            good = statistics.fmean(share <= 0.4 for share in shares)
            print(
                f"factor {factor:g}, {form.__name__:9}: median {statistics.median(shares):.2f} of all "
                f"epochs, worst {max(shares):.2f}; at most 0.4 in {good:.0%} of orders"
            )


if __name__ == "__main__":
    main()
