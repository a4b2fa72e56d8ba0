"""What a sweep is: base settings, search space, search algorithm, scheduler, budget; from one YAML file."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from adcraft import __version__
from adcraft.errors import SettingsError
from adcraft.settings import MEANS, SCRATCH, Settings, Strict, apply_override, explain, read_yaml, resolve
from adcraft.training.local_base import base_digest
from tuning.search import RandomSource
from tuning.space import CHANGEABLE, Parameter, Scalar, Values, allowed, check_space, draw, grid

REPORTED = ("validation_loss", "train_loss", "tokens_per_s", "elapsed_s")
"""What a trial reports of each epoch, and a sweep can be about."""

_BASE = "model.base"
_OURS = "sweep."
_PROBES = 200


class ObjectiveSettings(Strict):
    """What makes a trial the best one."""

    metric: str = Field("validation_loss", description="of a trial's best epoch; one of what trials report")
    mode: Literal["min", "max"] = Field("min", description="whether less or more is better")

    @field_validator("metric")
    @classmethod
    def _is_reported(cls, metric: str) -> str:
        if metric not in REPORTED:
            raise ValueError(f"no trial reports it; they report {', '.join(REPORTED)}")
        return metric

    @property
    def sign(self) -> float:
        """1 where less is better, else -1."""
        return 1.0 if self.mode == "min" else -1.0


class SearchSettings(Strict):
    """How the next trial's values are found."""

    algorithm: Literal["random", "grid", "tpe"] = Field(
        "random", description="tpe: by what earlier trials reached"
    )
    seed: int = Field(7, ge=0, description="the same seed and space give the same values")


class SchedulerSettings(Strict):
    """Which trials are stopped before their last epoch."""

    name: Literal["none", "asha", "median", "pbt"] = Field(
        "asha", description="none: every trial runs to its end"
    )
    grace_epochs: int = Field(1, ge=1, description="that every trial may run")
    reduction_factor: float = Field(3.0, gt=1, description="asha: one in so many goes on at each rung")
    min_trials: int = Field(3, ge=1, description="median: others that a trial must be compared with")
    population: int = Field(8, ge=2, description="pbt: members, all trained to the same epoch by turns")
    interval: int = Field(2, ge=1, description="pbt: epochs, after each of which they are compared")
    quantile: float = Field(0.25, gt=0, le=0.5, description="pbt: the fraction that gives way to the best")
    resample: float = Field(
        0.25, ge=0, le=1, description="pbt: probability of any value instead of one near the parent's"
    )

    @property
    def pauses(self) -> bool:
        """Whether trials wait for each other in the middle."""
        return self.name in ("asha", "pbt")


class BudgetSettings(Strict):
    """When the sweep ends. More can be given later, and the same sweep goes on."""

    trials: int = Field(12, ge=1, description="at most")
    epochs: int = Field(0, ge=0, description="of all trials together; 0: no limit")
    minutes: float = Field(0, ge=0, description="of all attempts together; 0: no limit")


class SweepSettings(Strict):
    """A whole sweep."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$", description="the same name goes on with the same sweep"
    )
    settings: Settings = Field(Settings(), description="of every trial, where the space says nothing")
    space: dict[str, Parameter] = Field(min_length=1, description="setting: what is tried")
    objective: ObjectiveSettings = ObjectiveSettings()
    search: SearchSettings = SearchSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    budget: BudgetSettings = BudgetSettings()
    max_concurrent: int = Field(0, ge=0, description="trials at a time; 0: as many as the cluster can hold")

    @model_validator(mode="after")
    def _trials_keep_their_workers(self) -> SweepSettings:
        if self.settings.train.min_workers or "train.min_workers" in self.space:
            raise ValueError(
                "train.min_workers has no place in a sweep: its trials share the cluster, and one would take "
                "what another gave up. Leave it at 0"
            )
        return self

    @property
    def folder(self) -> Path:
        """Where its journal and report lie."""
        return Path(self.settings.train.storage) / "sweeps" / self.name

    @property
    def proposals(self) -> int:
        """Trials whose values the search finds; what comes after are children of theirs."""
        return self.scheduler.population if self.scheduler.name == "pbt" else self.budget.trials

    @property
    def max_workers(self) -> int:
        """The most workers that a trial can have."""
        searched = self.space.get("train.num_workers")
        ends = searched.ends if searched else ()
        return max([self.settings.train.num_workers, *(int(end) for end in ends)])

    def identity(self, dataset: str) -> dict[str, Any]:
        """What makes it the same sweep: all but the budget, where files lie, and how many CPUs there are;
        local base models by their files too.

        Args:
            dataset: version of the prepared dataset.
        """
        tree = self.model_dump(mode="json", exclude={"budget", "max_concurrent", "name"})
        base = tree["settings"]
        for key in MEANS:
            del base["train"][key]
        tree["settings"] = {key: base[key] for key in ("workload", "model", "train")}
        registered = self.settings.tracking.model
        tree |= {"dataset": dataset, "registered_model": registered, "adcraft": __version__}
        searched = self.space.get(_BASE)
        bases = {self.settings.model.base, *map(str, searched.ends if searched else ())}
        if digests := {base: digest for base in bases if (digest := base_digest(base))}:
            tree["bases"] = digests
        return tree


def load_sweep(
    config: Path, overrides: Iterable[str] = (), environment: Mapping[str, str] = os.environ
) -> SweepSettings:
    """Read a sweep from a YAML file, apply ``a.b=c`` overrides, and check that it can be run.

    An override is of the settings that all trials share, as everywhere; ``sweep.budget.trials=4`` is of
    the sweep itself.

    Raises:
        SettingsError: a key or value is not allowed, or no point of the space is.
    """
    tree = read_yaml(config)
    for override in overrides:
        key, equals, text = override.partition("=")
        ours = key.strip().startswith(_OURS)
        path = key.strip().removeprefix(_OURS) if ours else f"settings.{key.strip()}"
        apply_override(tree, f"{path}{equals}{text}", SweepSettings)
    try:
        sweep = SweepSettings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(explain(error, str(config), SweepSettings)) from None
    sweep = _absolute(sweep.model_copy(update={"settings": resolve(sweep.settings, environment)}))
    _check(sweep)
    return sweep


def digest(content: Mapping[str, Any]) -> str:
    """A short hash of ``content``."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _absolute(sweep: SweepSettings) -> SweepSettings:
    """Local base models by their whole paths: trials run in other folders."""
    model = sweep.settings.model.model_copy(update={"base": _whole(sweep.settings.model.base)})
    space = {key: _with_whole_paths(key, parameter) for key, parameter in sweep.space.items()}
    settings = sweep.settings.model_copy(update={"model": model})
    return sweep.model_copy(update={"settings": settings, "space": space})


def _with_whole_paths(key: str, parameter: Parameter) -> Parameter:
    """With the bases that are searched, and those that it is searched for."""
    changes: dict[str, Any] = {}
    if key == _BASE and parameter.choice:
        changes["choice"] = tuple(map(_whole, parameter.choice))
    if _BASE in parameter.when:
        changes["when"] = {**parameter.when, _BASE: tuple(map(_whole, parameter.when[_BASE]))}
    return parameter.model_copy(update=changes)


def _whole(base: Scalar) -> Scalar:
    folder = Path(str(base)).expanduser()
    return base if base == SCRATCH or not folder.is_dir() else str(folder.absolute())


def _check(sweep: SweepSettings) -> None:
    if sweep.settings.train.fresh:
        raise SettingsError("train.fresh has no meaning in a sweep; give the sweep another name instead.")
    if sweep.scheduler.grace_epochs > sweep.settings.train.max_epochs:
        raise SettingsError(
            f"scheduler.grace_epochs = {sweep.scheduler.grace_epochs} is more than train.max_epochs = "
            f"{sweep.settings.train.max_epochs}."
        )
    check_space(sweep.space, sweep.settings)
    if sweep.scheduler.name == "pbt":
        _check_population(sweep)
    if not any(allowed(sweep.settings, values) for values in _probes(sweep)):
        raise SettingsError(
            "space: no combination of its values is allowed, of all that were tried. Each of them alone is; "
            "look for settings that must fit together, such as model.scratch.d_model and heads."
        )


def _check_population(sweep: SweepSettings) -> None:
    scheduler, train = sweep.scheduler, sweep.settings.train
    for key in sweep.space:
        if key not in CHANGEABLE:
            raise SettingsError(
                f"space: {key} can't be searched by scheduler pbt: it can't change in mid-training. "
                f"{', '.join(CHANGEABLE)} can; use another scheduler for the rest."
            )
    if sweep.search.algorithm == "tpe":
        raise SettingsError(
            "search.algorithm = 'tpe' does not go with scheduler pbt, which finds new values itself. Use "
            "random or grid for those that it begins with."
        )
    if scheduler.population > sweep.budget.trials:
        raise SettingsError(
            f"scheduler.population = {scheduler.population} is more than budget.trials = "
            f"{sweep.budget.trials}, which counts the first members and all their children."
        )
    if scheduler.interval >= train.max_epochs:
        raise SettingsError(
            f"scheduler.interval = {scheduler.interval} is not less than train.max_epochs = "
            f"{train.max_epochs}: no member would ever be compared."
        )
    for name in ("patience", "max_minutes"):
        if value := getattr(train, name):
            raise SettingsError(
                f"train.{name} = {value:g} does not go with scheduler pbt, which compares all members after "
                f"the same epochs. Set train.{name}=0; sweep.budget ends the whole."
            )


def _probes(sweep: SweepSettings) -> Iterable[Values]:
    if sweep.search.algorithm == "grid":
        return grid(sweep.space)
    source = RandomSource(random.Random(sweep.search.seed))
    return (draw(sweep.space, source) for _ in range(_PROBES))
