"""Prepare, train or sweep, evaluate and promote as one job: what a daily or weekly schedule calls.

A stage whose inputs have not changed is skipped: a feed that was prepared before, a run that is registered,
an evaluation that was done, a refusal on the same figures. So a job that was killed goes on where it
stopped when it is started again. Each stage's line of JSON is printed as it ends, and the last line has them
all. With --sweep FILE (see python -m tuning sweep) many variants are trained, under the sweep's name and the
dataset's version, and the best goes on; the file then holds the settings of all stages, and --set overrides
them. The trained version is evaluated against the champion and takes its place if it is better (see promote);
the first version of all is champion at once.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import AdcraftError, SettingsError
from adcraft.settings import Settings
from adcraft.tracking.connection import check_answers
from cluster.session import ray_session
from tuning.settings import SweepSettings, load_sweep

log = logging.getLogger(__name__)

Result = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sweep, if any."""
    parser.add_argument("--sweep", type=Path, metavar="FILE", help="search by this file instead of one run")


def run(settings: Settings, arguments: argparse.Namespace) -> Result:
    """Run what has to be run.

    Raises:
        AdcraftError: a stage's, which its message begins with; those before it stay done.
        SettingsError: the sweep's file is wrong, or there is a second file of settings.
    """
    sweep = _sweep(arguments)
    if sweep:
        settings = sweep.settings
    check_answers(settings.tracking.uri)  # before a Ray is started for nothing
    with ray_session(settings):
        return _Pipeline(settings, sweep).run()


def _sweep(arguments: argparse.Namespace) -> SweepSettings | None:
    if not arguments.sweep:
        return None
    if arguments.config:
        raise SettingsError(
            "With --sweep FILE the settings are in that file, so --config can't be given too."
        )
    return load_sweep(arguments.sweep, arguments.set)


class _Pipeline:
    def __init__(self, settings: Settings, sweep: SweepSettings | None) -> None:
        self._settings = settings
        self._sweep = sweep
        self._stages: dict[str, Result] = {}

    def run(self) -> Result:
        """Every stage in turn; each takes what the one before it made."""
        prepared = self._stage("prepare", lambda: _prepare(self._settings))
        settings = _with(self._settings, "data", version=prepared["version"])
        if sweep := self._sweep:
            trained = self._stage("sweep", lambda: _search(sweep, settings))
        else:
            trained = self._stage("train", lambda: _run("train", settings))
        version, is_champion = trained["model_version"], "champion" in trained["aliases"]
        self._stage("evaluate", lambda: _evaluate(settings, version, is_champion=is_champion))
        decided = _with(settings, "promote", challenger=version)
        promoted = self._stage(
            "promote", lambda: _nothing_to_promote(version) if is_champion else _run("promote", decided)
        )
        return {
            "model": trained["model"],
            "model_version": version,
            "dataset_version": prepared["version"],
            "promoted": promoted["promoted"],
            "reasons": promoted["reasons"],
            "stages": self._stages,
        }

    def _stage(self, name: str, work: Callable[[], Result]) -> Result:
        log.info("pipeline: %s", name)
        begun = time.monotonic()
        try:
            result = work()
        except AdcraftError as error:
            raise type(error)(f"{name}: {error}") from error
        skipped = bool(result.get("reused"))
        seconds = round(time.monotonic() - begun, 1)
        log.info("pipeline: %s %s in %.1f s", name, "was done before" if skipped else "done", seconds)
        self._stages[name] = {"skipped": skipped, "seconds": seconds, **result}
        console.print_line({"stage": name, "ok": True, **self._stages[name]})
        return result


def _prepare(settings: Settings) -> Result:
    from adcraft.data.unchanged import Inputs

    before = Inputs.of(settings.data, settings.workload)
    if before and (dataset := before.prepared()):
        return {
            "name": dataset.name,
            "version": dataset.version,
            "path": str(dataset.path),
            "reused": True,
        }
    result = _run("prepare", settings)
    if before and before == Inputs.of(settings.data, settings.workload):  # else it changed meanwhile
        before.became(result["version"])
    return result


def _search(sweep: SweepSettings, settings: Settings) -> Result:
    """A sweep is of one dataset, so each version of it has its own."""
    from tuning.sweep import run_sweep

    name = f"{sweep.name}-{settings.data.version[:8]}"
    result = run_sweep(sweep.model_copy(update={"name": name, "settings": settings}))
    print(result.report.text, file=sys.stderr, flush=True)
    return result.summary()


def _evaluate(settings: Settings, version: str, *, is_champion: bool) -> Result:
    """Against the champion; one that is champion has been, or is alone."""
    from adcraft.decision.evaluation_record import FOLDER
    from adcraft.registry import Registry

    if is_champion:
        registry = Registry(settings.tracking.uri, settings.tracking.model)
        if found := registry.files(registry.resolve(version), FOLDER):
            return {"model_version": version, "found": found, "reused": True}
    against = "none" if is_champion else ""
    return _run("evaluate", _with(settings, "evaluate", model=version, against=against))


def _nothing_to_promote(version: str) -> Result:
    return {"promoted": False, "reused": True, "reasons": [f"Version {version} is the champion already."]}


def _run(stage: str, settings: Settings) -> Result:
    arguments = argparse.Namespace(force=False)
    result: Result = importlib.import_module(f"ray_jobs.{stage}").run(settings, arguments)
    return result


def _with(settings: Settings, section: str, **values: Any) -> Settings:
    """The settings with other values in one section."""
    changed = getattr(settings, section).model_copy(update=values)
    return settings.model_copy(update={section: changed})
