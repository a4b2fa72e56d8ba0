"""A sweep from end to end: trials on the connected Ray, runs in MLflow, a winner in the registry.

Like training, it finds what an earlier attempt left: finished trials are not run again, unfinished ones
go on from their checkpoints, and a sweep that was complete says so.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft.data.dataset import PreparedDataset
from adcraft.errors import AdcraftError, TrainingError
from adcraft.registry import ModelVersion, Registry
from adcraft.tracking.children import Children
from adcraft.tracking.connection import redacted
from adcraft.tracking.patience import patiently
from adcraft.tracking.provenance import provenance_tags
from adcraft.tracking.run_log import NOTE_TAG, RunLog
from adcraft.training.nodes import alive_nodes
from adcraft.training.origin import hand_over
from tuning.concurrency import Concurrency, plan_concurrency
from tuning.journal import Journal
from tuning.report import TEXT, Report, make_report
from tuning.settings import SweepSettings, digest
from tuning.study import FAILED, FINISHED, KILLED, RUNNING, Study, Trial
from tuning.trial import SWEEP_TAG, TrialSetup
from tuning.watch import Watch, endings

log = logging.getLogger(__name__)

REPORT_FOLDER = "report"
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class SweepResult:
    """What a sweep ended in.

    Attributes:
        study: all trials.
        winner: the best of them.
        version: the winner, registered.
        parent_run_id: of the sweep's run in MLflow.
        report: for people.
        reused: whether the sweep was complete already, so nothing was trained.
    """

    study: Study
    winner: Trial
    version: ModelVersion
    parent_run_id: str
    report: Report
    reused: bool

    def summary(self) -> dict[str, Any]:
        """For the line of JSON."""
        sweep, version = self.study.sweep, self.version
        return {
            "name": sweep.name,
            "trials": {status.lower(): count for status, count in self.study.counts().items()},
            "epochs": self.study.epochs,
            "best": {
                "trial": self.winner.number,
                "values": self.winner.values,
                "lineage": [trial.number for trial in self.study.lineage(self.winner)],
                "metrics": self.winner.best(sweep.objective.metric, sweep.objective.sign),
                "run_id": version.run_id,
            },
            "model": version.name,
            "model_version": version.version,
            "aliases": list(version.aliases),
            "dataset_version": version.dataset_version,
            "run_id": self.parent_run_id,
            "report": str(sweep.folder / REPORT_FOLDER),
            "reused": self.reused,
        }


def run_sweep(sweep: SweepSettings) -> SweepResult:
    """Run a sweep, or go on with it, on the connected Ray; register the best trial's model.

    Raises:
        SettingsError: there is another sweep of this name.
        TrainingError: another process runs it, or no trial reached anything.
        DatasetError, BaseModelError, TrackingError, StorageError, ClusterError: see ``adcraft.errors``.
    """
    from adcraft.training.inputs import check_splits
    from adcraft.training.run_key import run_key

    settings = sweep.settings
    dataset = PreparedDataset.open(settings.data.root, settings.data.name, settings.data.version)
    check_splits(dataset)
    pinned = settings.data.model_copy(update={"version": dataset.version})
    sweep = sweep.model_copy(update={"settings": settings.model_copy(update={"data": pinned})})
    concurrency = _concurrency(sweep)
    identity = sweep.identity(dataset.version)
    part_of = sweep.name if sweep.scheduler.pauses else ""  # whose trials are compared before their end
    journal = Journal(sweep.folder)
    with journal.alone(identity):
        study = Study(
            sweep,
            journal,
            lambda settings, origin: run_key(settings, dataset, origin, part_of),
            lambda origin, key: hand_over(Path(sweep.settings.train.storage), origin, key),
        )
        parent = RunLog(
            settings.tracking.uri,
            settings.tracking.experiment,
            f"sweep-{sweep.name}-{digest(identity)}",
            sweep.name,
            {
                SWEEP_TAG: sweep.name,
                "adcraft.dataset": f"{dataset.name}/{dataset.version}",
                **provenance_tags(),
            },
            again=True,
        )
        return _Attempt(sweep, dataset, study, parent, concurrency).run()


class _Attempt:
    """One process's part of a sweep."""

    def __init__(
        self,
        sweep: SweepSettings,
        dataset: PreparedDataset,
        study: Study,
        parent: RunLog,
        concurrency: Concurrency,
    ) -> None:
        self._sweep = sweep
        self._dataset = dataset
        self._study = study
        self._parent = parent
        self._concurrency = concurrency
        self._children = Children(sweep.settings.tracking.uri, parent)
        self._setup = TrialSetup(
            sweep.settings, sweep.name, str(sweep.folder), parent.run_id, concurrency.resources
        )

    def run(self) -> SweepResult:
        """Run what is left, and end every run in MLflow whatever happens."""
        status, unfinished = FAILED, "the sweep failed"
        try:
            self._study.begin()
            self._parent.parameters(_public(self._sweep))
            self._parent.dataset(self._dataset)
            reused = self._study.complete
            if reused:
                log.info("the sweep %s is complete; nothing is trained", self._sweep.name)
            else:
                self._run_trials()
            self._study.end_if_spent()
            result = patiently(lambda: self._conclude(reused))
            status, unfinished = FINISHED, ""
        except KeyboardInterrupt:
            status, unfinished = KILLED, "the sweep was interrupted; run it again to go on"
            raise
        finally:
            if unfinished:
                self._give_up(status, unfinished)
        self._parent.end(status)
        return result

    def _run_trials(self) -> None:
        from tuning.execution import run_trials

        study = self._study
        left = [trial for trial in study.trials.values() if trial.status == RUNNING]
        log.info(
            "sweep %s: %d at a time, each of up to %d worker(s) of %d thread(s); %d are over, %d go on",
            self._sweep.name,
            self._concurrency.trials,
            self._concurrency.workers,
            self._concurrency.resources.threads,
            len(study.trials) - len(left),
            len(left),
        )
        self._make_ready()
        watch = Watch(study, self._children)
        run_trials(study, self._setup, self._concurrency, watch.tick)
        watch.say()

    def _make_ready(self) -> None:
        """Do once, and before any trial, what all trials would wait for."""
        from adcraft.training.inputs import RunInputs

        if not any(key.startswith("model.") for key in self._sweep.space):
            splits = RunInputs(self._sweep.settings, self._dataset).splits
            log.debug("%d tokens to train on", splits["train"].tokens)

    def _conclude(self, reused: bool) -> SweepResult:
        """End the trials' runs, register the winner, log the report; all of it can be done again."""
        self._children.settle(endings(self._study))
        winner, version = self._winner()
        report = make_report(self._study)
        report.write(self._sweep.folder / REPORT_FOLDER)
        self._parent.text(report.text, TEXT)
        for name, png in report.pictures.items():
            self._parent.figure(png, name)
        best = winner.best(self._sweep.objective.metric, self._sweep.objective.sign) or {}
        counts = self._study.counts()
        self._parent.metrics(
            {f"best_{name}": value for name, value in best.items()}
            | {f"trials_{status.lower()}": count for status, count in counts.items()}
            | {"epochs": self._study.epochs},
            step=len(self._study.trials),
        )
        self._parent.settle()
        tags = {
            "adcraft.winner": version.run_name,
            "adcraft.model_version": version.version,
            NOTE_TAG: report.note,
        }
        for tag, value in tags.items():
            self._parent.tag(tag, value)
        return SweepResult(self._study, winner, version, self._parent.run_id, report, reused)

    def _winner(self) -> tuple[Trial, ModelVersion]:
        """The best trial that has a bundle in MLflow, or a checkpoint to make one of; registered."""
        registry = Registry(self._sweep.settings.tracking.uri, self._sweep.settings.tracking.model)
        children = self._children.all()
        for trial in self._study.ranked():
            if found := registry.find(trial.key):
                return trial, registry.settle(found) if trial.status == FINISHED else found
            child = children.get(trial.key) if trial.status == FINISHED else None
            if run_id := child.run_id if child else self._bundle_of_stopped(trial):
                return trial, registry.register(
                    run_id=run_id,
                    run_name=self._setup.run_name(trial.number),
                    run_key=trial.key,
                    dataset_version=self._dataset.version,
                )
        ended = [trial for trial in self._study.trials.values() if trial.reason]
        why = f" The first of {len(ended)} that ended early: {ended[0].reason.rstrip('.')}." if ended else ""
        raise TrainingError(f"No trial of the sweep {self._sweep.name} reached anything.{why}")

    def _bundle_of_stopped(self, trial: Trial) -> str:
        """Log the bundle of a trial that was stopped before it came to do so; its run, or ""."""
        from adcraft.training.run import TrainingRun
        from adcraft.training.run_state import kept_in, read_state

        run = TrainingRun(self._study.settings_of(trial), self._dataset, trial.key)
        kept = kept_in(run.folder)
        if not kept:
            return ""
        best = min(kept, key=lambda folder: read_state(folder).history[-1]["validation_loss"])
        name, tags = self._setup.run_name(trial.number), self._setup.tags(trial.number, trial.parent)
        with run.alone(_PATIENCE_S), run.logged(name, tags, again=True) as run_log:
            run.conclude(run_log, best, kept[-1])
            run_log.end(trial.status)
        return run_log.run_id

    def _give_up(self, status: str, unfinished: str) -> None:
        """Leave no run RUNNING, whatever MLflow says."""
        try:
            self._children.settle(endings(self._study, unfinished))
        except AdcraftError as error:
            log.warning("%s", error)
        self._parent.give_up(status)


def _concurrency(sweep: SweepSettings) -> Concurrency:
    train = sweep.settings.train
    return plan_concurrency(
        workers=sweep.max_workers,
        trials=min(sweep.max_concurrent or sweep.proposals, sweep.proposals),
        nodes=alive_nodes(),
        use_gpu=train.use_gpu,
        threads=train.threads_per_worker,
        node_cores=len(os.sched_getaffinity(0)),
    )


def _public(sweep: SweepSettings) -> dict[str, Any]:
    """The sweep without the password that an address may hold."""
    tree = sweep.model_dump(mode="json", exclude_none=True)
    tree["settings"]["tracking"]["uri"] = redacted(tree["settings"]["tracking"]["uri"])
    return tree
