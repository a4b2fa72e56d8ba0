"""Population based training (Jaderberg et al., "Population Based Training of Neural Networks", 2017), in
generations: all members train to the same epoch; then the poorest give way to children of the best,
which go on from their parents' checkpoints with other values.

All of it is computed from what the members reached, a seed and the child's number, so that a sweep that
goes on after its process died decides what it would have decided.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adcraft.training.origin import Origin
from tuning.search import RandomSource
from tuning.settings import SweepSettings
from tuning.space import Parameter, Scalar, Values, allowed

_FACTORS = (0.8, 1.2)
_DRAWS = 1000


@dataclass(frozen=True)
class Parent:
    """The trial whose checkpoint another one begins from.

    Attributes:
        number: of that trial.
        key: of its training run.
        epoch: after which the checkpoint was written.
    """

    number: int
    key: str
    epoch: int

    @property
    def origin(self) -> Origin:
        """The checkpoint, as training knows it."""
        return Origin(self.key, self.epoch)


@dataclass(frozen=True)
class Member:
    """One of the population.

    Attributes:
        number: of its trial.
        key: of its training run.
        values: of the searched settings.
        score: after the epoch at which all are compared, less is better; infinite if it failed.
    """

    number: int
    key: str
    values: Values
    score: float


@dataclass(frozen=True)
class Child:
    """A new trial, in the place of a poor member.

    Attributes:
        number: of the trial.
        values: of the searched settings.
        parent: whose checkpoint it begins from.
        replaces: number of the poor member.
        reason: why that one gives way, for people.
    """

    number: int
    values: Values
    parent: Parent
    replaces: int
    reason: str


def children(sweep: SweepSettings, members: Sequence[Member], epoch: int, numbers: range) -> list[Child]:
    """The children that take the places of the poorest members.

    Args:
        sweep: how many, and what they may be.
        members: the population, at least one of which lives.
        epoch: that all of them have come to.
        numbers: of trials that may be added; where there are too few, poor members go on.
    """
    poor, best = select({member.number: member.score for member in members}, sweep.scheduler.quantile)
    by_number = {member.number: member for member in members}
    born: list[Child] = []
    for place, replaced in enumerate(poor[: len(numbers)]):
        number = numbers[len(born)]
        generator = random.Random(f"{sweep.search.seed}/child/{number}")
        chosen = by_number[generator.choice(best)]
        parent = Parent(chosen.number, chosen.key, epoch)
        siblings = [child.values for child in born if child.parent == parent]
        values = explore(sweep, chosen.values, siblings, generator)
        if values is None:
            continue
        told = ", ".join(f"{key} {value}" for key, value in values.items())
        reason = (
            f"pbt: number {len(members) - place} of {len(members)} after epoch {epoch}; goes on as trial "
            f"{number} from trial {parent.number} with {told}"
        )
        born.append(Child(number, values, parent, replaced, reason))
    return born


def select(scores: Mapping[int, float], quantile: float) -> tuple[list[int], list[int]]:
    """Truncation selection: who gives way, poorest first, and whose checkpoint may be gone on from.

    Args:
        scores: of all members after the same epoch, less is better; infinite for one that failed.
        quantile: this fraction gives way to as many, one at least; and so does every one that failed.
    """
    failed = [number for number, score in scores.items() if not math.isfinite(score)]
    living = sorted(scores.keys() - failed, key=lambda number: (scores[number], number))
    count = max(1, int(len(scores) * quantile))
    best, others = living[:count], living[count:]
    give_way = max(count, len(failed)) if best else 0
    return [*failed, *reversed(others)][:give_way], best


def explore(
    sweep: SweepSettings, values: Values, taken: Sequence[Values], generator: random.Random
) -> Values | None:
    """Values near those of a parent; None if none are left.

    Args:
        sweep: the space that they lie in, and the settings that must allow them.
        values: of the parent, which a child never has: it would do what the parent does.
        taken: by its other children.
        generator: of random numbers.
    """
    for _ in range(_DRAWS):
        found: Values = {}
        for key, parameter in sweep.space.items():
            if not parameter.active(found):
                continue
            if key not in values or generator.random() < sweep.scheduler.resample:
                found[key] = parameter.draw(key, RandomSource(generator))
            else:
                found[key] = neighbour(parameter, values[key], generator)
        if found != values and found not in taken and allowed(sweep.settings, found):
            return found
    return None


def neighbour(parameter: Parameter, value: Scalar, generator: random.Random) -> Scalar:
    """A number times 0.8 or 1.2, but not beyond the ends of its range; of a choice, the one beside it."""
    if parameter.choice:
        place = parameter.choice.index(value)
        beside = [at for at in (place - 1, place + 1) if 0 <= at < len(parameter.choice)]
        return parameter.choice[generator.choice(beside)] if beside else value
    number, factor = float(value), generator.choice(_FACTORS)
    if parameter.integers:
        step = max(1, round(abs(number) * abs(factor - 1)))
        low, high = parameter.integers
        return min(high, max(low, int(value) + (step if factor > 1 else -step)))
    return parameter.rounded(number * factor)
