"""Ray Tune runs the trials of a study: it starts, stops and restarts their processes, and asks the study
what to try and which trial goes on.

What Ray Tune keeps itself plays no part: it restores neither its schedulers nor trials that end while
nobody looks (decision 0112).
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError
from ray.tune import Callback, Stopper, TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from adcraft.errors import AdcraftError, StorageError, TrainingError
from adcraft.training.faults import disk_is_full
from adcraft.training.nodes import alive_nodes
from adcraft.training.orphans import remove_orphans
from tuning.concurrency import DRIVER_CPUS, Concurrency
from tuning.settings import REPORTED
from tuning.study import FAILED, Study
from tuning.trial import FATAL, FATAL_KINDS, HISTORY, OVER, PAUSED, REASON, TrialSetup, run_trial

log = logging.getLogger(__name__)

_ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # which draws a box however quiet it is asked to be
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the exception that it is everywhere
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
_RESTARTS = 2
"""Of a trial whose process died; it goes on from its last checkpoint."""
_ORPHANS_INTERVAL_S = 2.0
_TIME_TO_END_S = 120.0

_EPOCH_KEYS = ("epoch", "step", *REPORTED)


def run_trials(
    study: Study, setup: TrialSetup, concurrency: Concurrency, on_tick: Callable[[], None]
) -> None:
    """Run until the study has nothing left to try.

    Args:
        study: told of every epoch and end.
        setup: of all trials.
        concurrency: see :func:`tuning.concurrency.plan_concurrency`.
        on_tick: called several times a second.

    Raises:
        AdcraftError: a fault that every trial would meet, such as a full disk.
        StorageError: the disk is full.
        TrainingError: Ray Tune itself failed.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the study says it in a sentence
    folder = study.sweep.folder / "tune"
    shutil.rmtree(folder, ignore_errors=True)
    decisions = _Decisions(study)
    trainable: Any = tune.with_resources(tune.with_parameters(run_trial, setup=setup), {"CPU": DRIVER_CPUS})
    trainable.__name__ = f"trial-of-{study.sweep.name}"  # trainables of one name overwrite each other
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=_Proposals(study),
            scheduler=decisions,
            num_samples=-1,
            max_concurrent_trials=concurrency.trials,
            reuse_actors=True,
            trial_dirname_creator=_folder_of,
        ),
        run_config=tune.RunConfig(
            name=folder.name,
            storage_path=str(folder.parent),
            stop=_End(study, decisions),
            callbacks=[_Watch(study, concurrency, on_tick)],
            failure_config=tune.FailureConfig(max_failures=_RESTARTS),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    except TuneError as error:
        if disk_is_full(error):
            raise StorageError(
                f"The disk with {study.sweep.folder} is full. Free space, and run it again."
            ) from error
        line = next(iter(str(error).strip().splitlines()[-1:]), "no reason given")
        raise TrainingError(f"Ray Tune could not go on: {line.rstrip('.')}. Run it again.") from error
    finally:
        decisions.kill_the_rest()
    if decisions.fault is not None:
        raise decisions.fault


def _folder_of(trial: Any) -> str:
    return f"trial-{trial.config['number']}-until-{trial.config['until']}"


class _NotKept:
    """Ray Tune pickles what it is given, to restore it; a study goes on by its journal instead."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()


class _Proposals(_NotKept, Searcher):
    """The study's next trials."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self._study = study

    def suggest(self, trial_id: str) -> Any:
        trial = self._study.next_trial()
        if trial is None:
            return None if self._study.waits else Searcher.FINISHED  # None: ask again
        return {
            "number": trial.number,
            "key": trial.key,
            "values": trial.values,
            "until": self._study.until(trial),
            "parent": asdict(trial.parent) if trial.parent else None,
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        pass

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        pass


class _Decisions(_NotKept, FIFOScheduler):
    """Tells the study of every report, and Ray Tune what the study says."""

    def __init__(self, study: Study) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fault: AdcraftError | None = None
        self._study = study
        self._controller: Any = None

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._controller = tune_controller
        super().on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        number = trial.config["number"]
        if OVER in result:
            self._take_end(number, result)
            return str(FIFOScheduler.CONTINUE)
        self._study.report(number, {key: float(result[key]) for key in _EPOCH_KEYS})
        return str(FIFOScheduler.CONTINUE)  # one that is over stops by itself: see tuning.trial

    def kill_the_rest(self) -> None:
        """End the processes of trials that are still there; none if all ended by themselves."""
        if self._controller is None or not ray.is_initialized():
            return
        for trial in self._controller.get_trials():
            actor = trial.temporary_state.ray_actor
            if actor is not None:
                with contextlib.suppress(RayError, ValueError):
                    ray.kill(actor)

    def _take_end(self, number: int, result: Mapping[str, Any]) -> None:
        if result[FATAL]:
            self.fault = FATAL_KINDS[result[FATAL]](result[REASON])
            return
        for metrics in result.get(HISTORY, ()):
            self._study.report(number, metrics)
        if result[OVER] == PAUSED:
            self._study.pause(number)
        else:
            self._study.end(number, result[OVER], result[REASON])


class _Watch(_NotKept, Callback):
    """Passes on that time goes by, and that a trial's process died too often; makes room where one died,
    and says where nodes were lost that no trial can do without.
    """

    def __init__(self, study: Study, concurrency: Concurrency, on_tick: Callable[[], None]) -> None:
        self._study = study
        self._concurrency = concurrency
        self._on_tick = on_tick
        self._looked = 0.0
        self._shortage = ""

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if time.monotonic() - self._looked >= _ORPHANS_INTERVAL_S:
            self._looked = time.monotonic()
            remove_orphans()
            self._look_for_a_shortage()
        self._study.end_if_spent()
        self._on_tick()

    def _look_for_a_shortage(self) -> None:
        shortage = self._concurrency.shortage(alive_nodes())
        if shortage and not self._shortage:
            log.warning("%s; the sweep waits for a node", shortage)
        self._shortage = shortage

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._study.end(trial.config["number"], FAILED, f"its process died {_RESTARTS + 1} times")


class _End(_NotKept, Stopper):
    """Ends all trials when there is no use in going on."""

    def __init__(self, study: Study, decisions: _Decisions) -> None:
        self._study = study
        self._decisions = decisions
        self._spent_at = 0.0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._decisions.fault is not None or self._overdue()

    def _overdue(self) -> bool:
        """Whether the budget is used up, and trials had time to end themselves: one that waits for a node's
        CPUs never does.
        """
        if not self._study.spent():
            return False
        self._spent_at = self._spent_at or time.monotonic()
        return time.monotonic() - self._spent_at > _TIME_TO_END_S
