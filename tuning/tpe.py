"""The tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
2011), by the package optuna.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tuning.search import Usable
from tuning.space import Scalar, Space, Values, draw

_STARTUP = 6
"""Trials whose values are drawn at random, before there is anything to estimate from."""

_DRAWS = 50


class TpeSearch:
    """Asks optuna for values, and tells it what they reached; see :class:`tuning.search.Search`."""

    def __init__(self, space: Space, seed: int) -> None:
        """Begin without any trial."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            # Trials that run now count as bad ones, so that those at a time differ.
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP, constant_liar=True)
        self._study = optuna.create_study(direction="minimize", sampler=sampler)
        self._trials: dict[int, Any] = {}
        self._best: dict[int, float] = {}

    def propose(self, number: int, usable: Usable) -> Values | None:
        """See :class:`tuning.search.Search`."""
        from optuna.trial import TrialState

        for _ in range(_DRAWS):
            trial = self._study.ask()
            values = draw(self._space, _TrialSource(trial))
            if usable(values):
                self._trials[number] = trial
                return values
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    def recall(self, number: int, values: Values) -> None:
        """See :class:`tuning.search.Search`."""
        self._study.enqueue_trial(values)
        trial = self._study.ask()
        draw(self._space, _TrialSource(trial))
        self._trials[number] = trial

    def report(self, number: int, epoch: int, score: float) -> None:
        """See :class:`tuning.search.Search`."""
        self._trials[number].report(score, epoch)
        self._best[number] = min(score, self._best.get(number, score))

    def end(self, number: int, status: str) -> None:
        """See :class:`tuning.search.Search`."""
        from optuna.trial import TrialState

        trial = self._trials.pop(number)
        if status == "FAILED" or number not in self._best:
            self._study.tell(trial, state=TrialState.FAIL)
        elif status == "KILLED":
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, self._best[number])


class _TrialSource:
    """Draws by an optuna trial."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def real(self, key: str, low: float, high: float, *, log: bool) -> float:
        """See :class:`tuning.space.Source`."""
        return float(self._trial.suggest_float(key, low, high, log=log))

    def integer(self, key: str, low: int, high: int) -> int:
        """See :class:`tuning.space.Source`."""
        return int(self._trial.suggest_int(key, low, high))

    def choice(self, key: str, options: Sequence[Scalar]) -> Scalar:
        """See :class:`tuning.space.Source`."""
        chosen: Scalar = self._trial.suggest_categorical(key, list(options))
        return chosen
