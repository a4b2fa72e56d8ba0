"""One trial: the training driver as what Ray Tune runs, in a process of its own.

A trial is its training run, found again by the run's key. So one that is started again goes on from its
own last checkpoint, and one that had finished says so without training. One that the sweep has ended
reads so in the sweep's journal and stops by itself: a process that Ray Tune kills leaves its workers'
placement group behind, and the next trial waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adcraft.errors import (
    AdcraftError,
    BaseModelError,
    ClusterError,
    DatasetError,
    StorageError,
    TrackingError,
)
from adcraft.settings import Settings
from adcraft.tracking.patience import patiently
from adcraft.tracking.run_log import PARENT_TAG
from adcraft.training.resources import WorkerResources
from tuning.journal import Journal
from tuning.population import Parent
from tuning.space import with_values
from tuning.study import FAILED, FINISHED, KILLED

log = logging.getLogger(__name__)

OVER, REASON, FATAL, HISTORY = "over", "reason", "fatal", "history"
"""Keys of a trial's last report: its status, why, the kind of a fault that all trials would meet, and the
metrics of all epochs."""

FATAL_KINDS: dict[str, type[AdcraftError]] = {
    kind.__name__: kind for kind in (DatasetError, BaseModelError, StorageError, TrackingError, ClusterError)
}
PAUSED = "PAUSED"
"""The status of a trial that waits for others: it goes on in another process."""

SWEEP_TAG, TRIAL_TAG = "adcraft.sweep", "adcraft.trial"
PARENT_TRIAL_TAG, PARENT_EPOCH_TAG = "adcraft.parent_trial", "adcraft.parent_epoch"
_LOCK_PATIENCE_S = 30.0


@dataclass(frozen=True)
class TrialSetup:
    """What all trials of a sweep share.

    Attributes:
        settings: where the trial's own values say nothing; they name the dataset's version.
        sweep: its name.
        folder: of its journal.
        parent_run_id: of the sweep's run in MLflow.
        resources: of each worker.
    """

    settings: Settings
    sweep: str
    folder: str
    parent_run_id: str
    resources: WorkerResources

    def run_name(self, number: int) -> str:
        """Of a trial, for people."""
        return f"{self.sweep}-{number:03d}"

    def tags(self, number: int, parent: Parent | None) -> dict[str, str]:
        """Of a trial's run in MLflow."""
        tags = {SWEEP_TAG: self.sweep, TRIAL_TAG: str(number), PARENT_TAG: self.parent_run_id}
        if parent:
            tags |= {PARENT_TRIAL_TAG: str(parent.number), PARENT_EPOCH_TAG: str(parent.epoch)}
        return tags


def run_trial(config: dict[str, Any], setup: TrialSetup) -> None:
    """Train as ``config["values"]`` say until the epoch ``config["until"]``, and report each epoch to Ray
    Tune. No fault is raised: a report tells it, since Ray Tune would try again what fails again.
    """
    from ray import tune

    try:
        # Where MLflow does not answer, it goes on from the last checkpoint when it does again.
        last = patiently(lambda: _train(config, setup, lambda metrics: tune.report(dict(metrics))))
    except AdcraftError as error:
        last = {OVER: FAILED, REASON: str(error), FATAL: _fatal(error, config["values"])}
    except Exception as error:
        log.exception("trial %d", config["number"])
        text = next(iter(str(error).strip().splitlines()), "no reason given")
        last = {OVER: FAILED, REASON: f"{type(error).__name__}: {text}", FATAL: ""}
    # Ray Tune's session ends by a report; without one it takes the trial's last epoch for another.
    tune.report(last)


def _fatal(error: AdcraftError, values: Mapping[str, Any]) -> str:
    """The kind of a fault that all trials would meet; "" of one that is due to the trial's own values."""
    own = isinstance(error, BaseModelError) and any(key.startswith("model.") for key in values)
    return "" if own else next((name for name, kind in FATAL_KINDS.items() if isinstance(error, kind)), "")


def _train(
    config: Mapping[str, Any], setup: TrialSetup, report: Callable[[Mapping[str, float]], None]
) -> dict[str, Any]:
    from adcraft.data.dataset import PreparedDataset
    from adcraft.training.run import TrainingRun
    from adcraft.training.run_state import kept_in, read_state

    number, until = config["number"], config["until"]
    parent = Parent(**config["parent"]) if config["parent"] else None
    origin = parent.origin if parent else None
    settings = with_values(setup.settings, config["values"])
    dataset = PreparedDataset.open(settings.data.root, settings.data.name, settings.data.version)
    run = TrainingRun(settings, dataset, config["key"], origin)
    with run.alone(_LOCK_PATIENCE_S):
        if kept := kept_in(run.folder):  # a process that was killed may not have come to report it
            for metrics in read_state(kept[-1]).history:
                report(metrics)
        with run.logged(setup.run_name(number), setup.tags(number, parent), again=True) as run_log:
            reason_to_stop = partial(Journal(Path(setup.folder)).reason_of_end, number)
            best, latest, told = run.advance(run_log, setup.resources, report, reason_to_stop, until)
            state = read_state(latest)
            over = KILLED if told else FINISHED if state.stopped else PAUSED
            if over == FINISHED:
                run.conclude(run_log, best, latest)
            if over == PAUSED:
                run_log.settle()
            else:
                run_log.end(over)
    return {OVER: over, REASON: state.stopped, FATAL: "", HISTORY: state.history}
