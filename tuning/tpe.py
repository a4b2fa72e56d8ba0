"""The tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
2011), by the package optuna.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tuning.search import RandomSearch, Usable
from tuning.space import Parameter, Scalar, Space, Values, draw

_STARTUP = 6
"""Trials whose values are drawn at random, before there is anything to estimate from."""

_DRAWS = 50


@dataclass
class _Known:
    values: Values
    scores: dict[int, float] = field(default_factory=dict)
    status: str = ""


class TpeSearch:
    """Asks optuna for values; see :class:`tuning.search.Search`.

    optuna is told all trials anew for each proposal. So it sees a trial by what it has reached, also one
    that waits at a rung for others, which it would else take for one that runs, and so for a bad one. And
    a sweep that goes on is told what one that never stopped is.
    """

    def __init__(self, space: Space, seed: int) -> None:
        """Begin without any trial."""
        self._space = space
        self._seed = seed
        self._random = RandomSearch(space, seed)
        self._known: dict[int, _Known] = {}

    def propose(self, number: int, usable: Usable) -> Values | None:
        """See :class:`tuning.search.Search`. Where the estimate leads only to what was tried, at random."""
        values = self._estimated(number, usable) or self._random.propose(number, usable)
        if values:
            self.recall(number, values)
        return values

    def recall(self, number: int, values: Values) -> None:
        """See :class:`tuning.search.Search`."""
        self._known[number] = _Known(values)

    def report(self, number: int, epoch: int, score: float) -> None:
        """See :class:`tuning.search.Search`."""
        self._known[number].scores[epoch] = score

    def end(self, number: int, status: str) -> None:
        """See :class:`tuning.search.Search`."""
        self._known[number].status = status

    def _estimated(self, number: int, usable: Usable) -> Values | None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            # Trials without a score count as bad ones, so that those at a time differ.
            sampler = optuna.samplers.TPESampler(
                seed=self._seed + number, n_startup_trials=_STARTUP, constant_liar=True
            )
        study = optuna.create_study(direction="minimize", sampler=sampler)
        study.add_trials([self._told(known) for known in self._known.values()])
        for _ in range(_DRAWS):
            trial = study.ask()
            values = draw(self._space, _TrialSource(trial))
            if usable(values):
                return values
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None

    def _told(self, known: _Known) -> Any:
        """A trial as optuna knows it: the farther it came, the more its score counts."""
        from optuna.trial import TrialState, create_trial

        value, state = None, TrialState.RUNNING
        if known.status == "FAILED" or (known.status and not known.scores):
            state = TrialState.FAIL
        elif known.status == "FINISHED":
            state, value = TrialState.COMPLETE, min(known.scores.values())
        elif known.scores:
            state = TrialState.PRUNED
        return create_trial(
            state=state,
            value=value,
            params=known.values,
            distributions={key: _distribution(self._space[key]) for key in known.values},
            intermediate_values=known.scores,
        )


def _distribution(parameter: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.choice:
        return CategoricalDistribution(parameter.choice)
    if parameter.integers:
        return IntDistribution(*parameter.integers)
    low, high = parameter.log_uniform or parameter.uniform or (-math.inf, math.inf)
    return FloatDistribution(low, high, log=parameter.log_uniform is not None)


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
