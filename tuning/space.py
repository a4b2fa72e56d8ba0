"""The search space: which settings are searched, over what, and when."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pydantic import Field, ValidationError, model_validator

from adcraft.errors import SettingsError
from adcraft.settings import MEANS, Settings, Strict, explain

Scalar = bool | int | float | str
Values = dict[str, Scalar]
"""Setting to value, of one trial."""

Space = Mapping[str, "Parameter"]

_KINDS = ("uniform", "log_uniform", "integers", "choice")
_SECTIONS = ("model", "train")
_NOT_SEARCHED = {f"train.{key}" for key in (*MEANS, "fresh", "use_gpu", "samples", "keep_checkpoints")}
CHANGEABLE = (
    "train.learning_rate",
    "train.weight_decay",
    "train.label_smoothing",
    "train.clip_norm",
    "train.tokens_per_batch",
    "train.accumulate",
)
"""Settings that may change in the middle of a training."""


_DIGITS = 4


class Source(Protocol):
    """Where values are drawn from."""

    def real(self, key: str, low: float, high: float, *, log: bool) -> float:
        """A number between ``low`` and ``high``."""

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both among them."""

    def choice(self, key: str, options: Sequence[Scalar]) -> Scalar:
        """One of ``options``."""


class Parameter(Strict):
    """One searched setting: ``uniform``, ``log_uniform`` or ``integers`` with both ends, or ``choice``."""

    uniform: tuple[float, float] | None = Field(None, description="any number between the two")
    log_uniform: tuple[float, float] | None = Field(
        None, description="any number between the two, each order of magnitude as likely as the next"
    )
    integers: tuple[int, int] | None = Field(None, description="any whole number from the one to the other")
    choice: tuple[Scalar, ...] | None = Field(None, min_length=1, description="one of these")
    points: int = Field(3, ge=2, description="that a grid takes of uniform and log_uniform")
    when: dict[str, tuple[Scalar, ...]] = Field(
        default_factory=dict,
        description="searched only where these earlier settings have one of these values; else it keeps its "
        "own of the base settings",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Parameter:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_KINDS)}; given: {', '.join(given) or 'none'}")
        ends = self.uniform or self.log_uniform or self.integers
        if ends and not ends[0] < ends[1]:
            raise ValueError(
                f"{given[0]} goes from {ends[0]:g} to {ends[1]:g}; the first must be the smaller"
            )
        if ends and not all(map(math.isfinite, ends)):
            raise ValueError(f"{given[0]} goes from {ends[0]:g} to {ends[1]:g}; both must be finite")
        if self.log_uniform and self.log_uniform[0] <= 0:
            raise ValueError(f"log_uniform begins at {self.log_uniform[0]:g} and must begin above 0")
        if self.choice and len(set(map(repr, self.choice))) < len(self.choice):
            raise ValueError("choice has a value twice")
        return self

    @property
    def ends(self) -> tuple[Scalar, ...]:
        """The values at the ends of the range, or all choices."""
        return self.choice or self.integers or self.log_uniform or self.uniform or ()

    def draw(self, key: str, source: Source) -> Scalar:
        """One value; a real number has four digits, so that people can write it down."""
        if self.choice:
            return source.choice(key, self.choice)
        if self.integers:
            return source.integer(key, *self.integers)
        low, high = self.log_uniform or self.uniform or (0.0, 1.0)
        return self.rounded(source.real(key, low, high, log=self.log_uniform is not None))

    def rounded(self, value: float) -> float:
        """A real number of four digits, within the range."""
        low, high = self.log_uniform or self.uniform or (-math.inf, math.inf)
        return min(high, max(low, float(f"{value:.{_DIGITS}g}")))

    def grid(self) -> list[Scalar]:
        """Evenly spaced values, both ends among them."""
        if self.choice:
            return list(self.choice)
        if self.integers:
            return list(range(self.integers[0], self.integers[1] + 1))
        low, high = self.log_uniform or self.uniform or (0.0, 1.0)
        parts = [index / (self.points - 1) for index in range(self.points)]
        if self.log_uniform:
            values = [low * math.exp(part * math.log(high / low)) for part in parts]
        else:
            values = [low + part * (high - low) for part in parts]
        return [self.rounded(value) for value in values]

    def active(self, values: Mapping[str, Scalar]) -> bool:
        """Whether it is searched, given the values of earlier settings."""
        return all(key in values and values[key] in allowed for key, allowed in self.when.items())


def draw(space: Space, source: Source) -> Values:
    """One point of the space."""
    values: Values = {}
    for key, parameter in space.items():
        if parameter.active(values):
            values[key] = parameter.draw(key, source)
    return values


def grid(space: Space) -> Iterator[Values]:
    """Every point of the space's grid, once; the last setting changes first."""
    seen = set()
    for point in itertools.product(*(parameter.grid() for parameter in space.values())):
        values: Values = {}
        for (key, parameter), value in zip(space.items(), point, strict=True):
            if parameter.active(values):
                values[key] = value
        if (identity := tuple(values.items())) not in seen:
            seen.add(identity)
            yield values


def with_values(settings: Settings, values: Mapping[str, Scalar]) -> Settings:
    """The settings of one trial.

    Raises:
        ValidationError: the values are not allowed, or not together.
    """
    tree: dict[str, Any] = settings.model_dump()
    for key, value in values.items():
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = node[section]
        node[name] = value
    return Settings.model_validate(tree)


def allowed(settings: Settings, values: Mapping[str, Scalar]) -> bool:
    """Whether the values are allowed together."""
    try:
        with_values(settings, values)
    except ValidationError:
        return False
    return True


def check_space(space: Space, settings: Settings) -> None:
    """Refuse a space with an unknown setting, an end of a range that is not allowed, or a condition that
    can't come true.

    Raises:
        SettingsError: the setting, the value, what is allowed.
    """
    earlier: dict[str, Parameter] = {}
    for key, parameter in space.items():
        _check_key(key)
        for value in parameter.ends:
            _check_value(key, value, settings)
        for other, values in parameter.when.items():
            if other not in earlier:
                raise SettingsError(
                    f"space.{key}.when: {other} is not searched, or only further down; it must come before."
                )
            for value in values:
                if not _can_be(earlier[other], value):
                    raise SettingsError(
                        f"space.{key}.when: {other} can't become {value!r} in this space, or only by chance. "
                        "Conditions are about values of a choice or of integers."
                    )
        earlier[key] = parameter


def _check_key(key: str) -> None:
    section, dot, _ = key.partition(".")
    if section not in _SECTIONS or not dot:
        raise SettingsError(
            f"space: {key} can't be searched: it is not part of the model or its training. Settings of "
            f"{' and '.join(f'{name}.*' for name in _SECTIONS)} can."
        )
    if key in _NOT_SEARCHED:
        raise SettingsError(f"space: {key} can't be searched: it does not change what is learnt.")


def _check_value(key: str, value: Scalar, settings: Settings) -> None:
    path = tuple(key.split("."))
    try:
        with_values(settings, {key: value})
    except KeyError as error:
        raise SettingsError(f"space: unknown key {key}: there is no section {error}.") from None
    except ValidationError as error:
        # What it must be together with other settings is checked with their values, trial by trial.
        if any(fault["loc"][: len(path)] == path for fault in error.errors()):
            raise SettingsError(explain(error, "space")) from None
    except TypeError:
        raise SettingsError(f"space: unknown key {key}: {key.rpartition('.')[0]} is no section.") from None


def _can_be(parameter: Parameter, value: Scalar) -> bool:
    if parameter.choice:
        return value in parameter.choice
    if not parameter.integers or isinstance(value, bool | str):
        return False
    return value == int(value) and parameter.integers[0] <= value <= parameter.integers[1]
