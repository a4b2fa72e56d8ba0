"""The state of a sweep: its trials, what is tried next, which go on. It knows neither Ray nor MLflow.

All of it comes from the journal, so a sweep whose process died is the same when it is started again.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from adcraft.settings import Settings
from adcraft.training.origin import Origin
from tuning.halving import promotable, reason_not_promoted, rungs
from tuning.journal import Event, Journal
from tuning.population import Member, Parent, children
from tuning.search import make_search
from tuning.settings import SweepSettings
from tuning.space import Values, allowed, with_values
from tuning.stopping import Scores, reason_to_stop

RUNNING, FINISHED, KILLED, FAILED = "RUNNING", "FINISHED", "KILLED", "FAILED"


@dataclass
class Trial:
    """One trial.

    Attributes:
        number: from 0, in the order of proposal.
        values: of the searched settings.
        key: of its training run; see ``adcraft.training.run_key.run_key``.
        status: RUNNING until it is over, then FINISHED, KILLED (stopped early) or FAILED.
        reason: why it was stopped early or failed.
        history: metrics of each epoch.
        parent: whose checkpoint it begins from; None: it begins from the base model.
        replaces: the member of the population whose place it takes.
        paused: whether it waits for others to come as far as it has.
        rung: the last epoch at which it was compared with others, and went on.
        cut: whether the sweep's budget ended it; with more of that it goes on.
    """

    number: int
    values: Values
    key: str
    status: str = RUNNING
    reason: str = ""
    history: list[dict[str, float]] = field(default_factory=list)
    parent: Parent | None = None
    replaces: int | None = None
    paused: bool = False
    rung: int = 0
    cut: bool = False

    @property
    def began(self) -> int:
        """The epoch of the checkpoint that it began from; 0 where that was the base model."""
        return self.parent.epoch if self.parent else 0

    @property
    def epochs(self) -> int:
        """The epoch that it has come to."""
        return int(self.history[-1]["epoch"]) if self.history else self.began

    def best(self, metric: str, sign: float) -> dict[str, float] | None:
        """Metrics of its best epoch; None before the first."""
        finite = [metrics for metrics in self.history if math.isfinite(metrics[metric])]
        return min(finite, key=lambda metrics: sign * metrics[metric], default=None)


class Study:
    """A sweep's trials, over all of its attempts."""

    def __init__(
        self,
        sweep: SweepSettings,
        journal: Journal,
        key_of: Callable[[Settings, Origin | None], str],
        hand_over: Callable[[Origin, str], None],
    ) -> None:
        """Read what the journal holds.

        Args:
            sweep: what is searched.
            journal: of the same sweep.
            key_of: the key of the training run with these settings, from this checkpoint.
            hand_over: keep a checkpoint for the run with this key; see ``adcraft.training.origin``.
        """
        self.sweep = sweep
        self.trials: dict[int, Trial] = {}
        self._journal = journal
        self._key_of = key_of
        self._hand_over = hand_over
        self._search = make_search(sweep.search.algorithm, sweep.space, sweep.search.seed)
        self._earlier_s = 0.0
        self._exhausted = False
        self._generation = 0  # the epoch after which the members of a population were compared last
        self._begun: float | None = None
        self._recall(journal.events())
        self._revived = [] if self.spent() else [trial.number for trial in self.trials.values() if trial.cut]
        self._revive(self._revived)
        self._unfinished = deque(trial for trial in self._running() if not trial.paused)

    def begin(self) -> None:
        """Begin another attempt; nobody else writes to the journal meanwhile."""
        self._begun = time.time()
        self._journal.append("attempt", revived=self._revived)

    def settings_of(self, trial: Trial) -> Settings:
        """All settings of a trial."""
        return with_values(self.sweep.settings, trial.values)

    def next_trial(self) -> Trial | None:
        """The next one to run: first those that were begun; None if there is none, or none yet."""
        if self.spent():
            return None
        if self._unfinished:
            return self._unfinished.popleft()
        if trial := self._promote() or self._propose():
            return trial
        running = self._running()
        if not running or not all(trial.paused for trial in running):
            return None
        if self.sweep.scheduler.name == "pbt":
            self._next_generation(running[0].epochs)
            return self._unfinished.popleft()
        promoted = self._promote(last=True)
        if promoted is None:
            self._end_waiting()
        return promoted

    @property
    def waits(self) -> bool:
        """Whether there may be a next trial later, though there is none now."""
        return self.sweep.scheduler.pauses and bool(self._running()) and not self.spent()

    def until(self, trial: Trial) -> int:
        """The epoch that a trial trains to, before it is over or pauses."""
        scheduler, end = self.sweep.scheduler, self.settings_of(trial).train.max_epochs
        if scheduler.name == "pbt":
            return min(end, self._generation + scheduler.interval)
        if scheduler.name == "asha":
            above = rungs(scheduler.grace_epochs, scheduler.reduction_factor, end)
            return next((rung for rung in above if rung > trial.rung), end)
        return end

    def pause(self, number: int) -> None:
        """Take note that a trial waits for others, and its last checkpoint is on disk."""
        trial = self.trials[number]
        if trial.status == RUNNING:
            self._journal.append("pause", number=number)
            trial.paused = True

    def _propose(self) -> Trial | None:
        number = len(self.trials)
        if self._exhausted or number >= self.sweep.proposals:
            return None
        values = self._search.propose(number, self._usable)
        if values is None:
            self._exhausted = True
            self._journal.append("exhausted")
            return None
        trial = Trial(number, values, self._key(values))
        self.trials[number] = trial
        self._journal.append("trial", number=number, values=values, key=trial.key)
        return trial

    def _promote(self, *, last: bool = False) -> Trial | None:
        """Let a trial go on from its rung; see :func:`tuning.halving.promotable`."""
        if self.sweep.scheduler.name != "asha":
            return None
        waiting = {trial.number: trial.epochs for trial in self._running() if trial.paused}
        factor = self.sweep.scheduler.reduction_factor
        number = promotable(self._competing(), waiting, factor, last=last)
        if number is None:
            return None
        self._note_promotion(self._journal.append("promote", number=number, epoch=waiting[number]))
        return self.trials[number]

    def _end_waiting(self) -> None:
        """End the trials at the rungs from which nobody will go on any more."""
        competing, factor = self._competing(), self.sweep.scheduler.reduction_factor
        for trial in self._running():
            self.end(trial.number, KILLED, reason_not_promoted(competing, trial.number, trial.epochs, factor))

    def report(self, number: int, metrics: Mapping[str, float]) -> bool:
        """Take the metrics of an epoch; whether the trial goes on. One that does not is over."""
        trial = self.trials[number]
        if trial.status != RUNNING:
            return False
        if metrics["epoch"] <= trial.epochs:  # an earlier attempt reported it
            return True
        self._journal.append("epoch", number=number, metrics=dict(metrics))
        self._note_epoch(trial, metrics)
        if not math.isfinite(metrics["validation_loss"]):
            self.end(number, FAILED, f"the validation loss of epoch {trial.epochs} is no number: it diverged")
            return False
        max_epochs = self.settings_of(trial).train.max_epochs
        if reason := reason_to_stop(self.sweep.scheduler, self._all_scores(), number, max_epochs):
            self.end(number, KILLED, reason)
            return False
        return True

    def end(self, number: int, status: str, reason: str = "") -> None:
        """Take note that a trial is over; what it was before, it stays."""
        trial = self.trials[number]
        if trial.status == RUNNING:
            self._journal.append("end", number=number, status=status, reason=reason)
            self._note_end(trial, status, reason)

    def _cut(self, trial: Trial, reason: str) -> None:
        self._journal.append("end", number=trial.number, status=KILLED, reason=reason, cut=True)
        self._note_end(trial, KILLED, reason, cut=True)

    def spent(self) -> str:
        """What of the budget is used up, so that all ends; "" while nothing is."""
        budget = self.sweep.budget
        if 0 < budget.epochs <= self.epochs:
            return f"the sweep's {budget.epochs} epochs are used up"
        if 0 < budget.minutes * 60 <= self.elapsed_s:
            return f"the sweep's {budget.minutes:g} minutes are over"
        return ""

    def end_if_spent(self) -> None:
        """End all trials when the budget is used up. With more of it they go on."""
        if spent := self.spent():
            for trial in self._running():
                self._cut(trial, spent)

    @property
    def epochs(self) -> int:
        """Epochs that were trained, of all trials together."""
        return sum(trial.epochs - trial.began for trial in self.trials.values())

    @property
    def elapsed_s(self) -> float:
        """Seconds of this and all earlier attempts."""
        return self._earlier_s + (time.time() - self._begun if self._begun else 0.0)

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to run."""
        if self.spent():
            return True
        return not self._running() and (self._exhausted or len(self.trials) >= self.sweep.proposals)

    def ranked(self) -> list[Trial]:
        """Trials that reached a score, best first; failed ones are not among them."""
        objective = self.sweep.objective
        scored = [
            (objective.sign * best[objective.metric], trial.number, trial)
            for trial in self.trials.values()
            if trial.status != FAILED and (best := trial.best(objective.metric, objective.sign))
        ]
        return [trial for _, _, trial in sorted(scored, key=lambda item: item[:2])]

    def lineage(self, trial: Trial) -> list[Trial]:
        """The trials whose checkpoints it goes back to, from the one that began from the base; it last."""
        earlier = self.lineage(self.trials[trial.parent.number]) if trial.parent else []
        return [*earlier, trial]

    def counts(self) -> dict[str, int]:
        """Trials by status."""
        statuses = [trial.status for trial in self.trials.values()]
        return {status: statuses.count(status) for status in (FINISHED, KILLED, FAILED, RUNNING)}

    def states(self) -> dict[str, int]:
        """Trials by what they do now; pending are those that wait for their turn, or for others."""
        counts, paused = self.counts(), sum(trial.paused for trial in self._running())
        to_come = 0 if self._exhausted or self.spent() else max(0, self.sweep.proposals - len(self.trials))
        return {
            "pending": paused + to_come,
            "running": counts[RUNNING] - paused,
            "finished": counts[FINISHED],
            "stopped": counts[KILLED],
            "failed": counts[FAILED],
        }

    def _running(self) -> list[Trial]:
        return [trial for trial in self.trials.values() if trial.status == RUNNING]

    def _usable(self, values: Values) -> bool:
        known = {trial.key for trial in self.trials.values()}
        return allowed(self.sweep.settings, values) and self._key(values) not in known

    def _key(self, values: Values, origin: Origin | None = None) -> str:
        return self._key_of(with_values(self.sweep.settings, values), origin)

    def _next_generation(self, epoch: int) -> None:
        """Let the poorest members give way to children of the best: one line of the journal."""
        replaced = {trial.replaces for trial in self.trials.values()}
        members = []
        for trial in self.trials.values():
            if trial.number not in replaced:
                score = self._scores(trial)[epoch] if trial.status == RUNNING else math.inf
                members.append(Member(trial.number, trial.key, trial.values, score))
        born = []
        for child in children(self.sweep, members, epoch, range(len(self.trials), self.sweep.budget.trials)):
            key = self._key(child.values, child.parent.origin)
            self._hand_over(child.parent.origin, key)
            born.append({**asdict(child), "key": key})
        self._note_generation(self._journal.append("generation", epoch=epoch, children=born))
        self._unfinished.extend(self._running())

    def _note_generation(self, event: Event) -> None:
        self._generation = event["epoch"]
        for child in event["children"]:
            born = Trial(child["number"], child["values"], child["key"])
            born.parent, born.replaces = Parent(**child["parent"]), child["replaces"]
            self.trials[born.number] = born
            if (replaced := self.trials[child["replaces"]]).status == RUNNING:
                self._note_end(replaced, KILLED, child["reason"])
        for trial in self._running():
            trial.paused = False

    def _note_promotion(self, event: Event) -> None:
        trial = self.trials[event["number"]]
        trial.paused, trial.rung = False, event["epoch"]

    def _all_scores(self) -> dict[int, Scores]:
        return {trial.number: self._scores(trial) for trial in self.trials.values() if trial.history}

    def _competing(self) -> dict[int, Scores]:
        """Scores of the trials that did not fail."""
        scores = self._all_scores()
        return {number: scores[number] for number in scores if self.trials[number].status != FAILED}

    def _scores(self, trial: Trial) -> dict[int, float]:
        metric, sign = self.sweep.objective.metric, self.sweep.objective.sign
        return {int(metrics["epoch"]): sign * metrics[metric] for metrics in trial.history}

    def _note_epoch(self, trial: Trial, metrics: Mapping[str, float]) -> None:
        trial.history.append(dict(metrics))
        objective = self.sweep.objective
        if math.isfinite(score := objective.sign * metrics[objective.metric]):
            self._search.report(trial.number, trial.epochs, score)

    def _note_end(self, trial: Trial, status: str, reason: str, *, cut: bool = False) -> None:
        trial.status, trial.reason, trial.cut = status, reason, cut
        trial.paused = trial.paused and cut
        self._search.end(trial.number, status)

    def _revive(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            trial = self.trials[number]
            trial.status, trial.reason, trial.cut = RUNNING, "", False
            self._search.end(number, "")

    def _recall(self, events: list[Event]) -> None:
        begun = latest = 0.0
        for event in events:
            if event["event"] == "attempt":
                self._earlier_s += latest - begun
                begun = event["at"]
                self._revive(event["revived"])
            latest = event["at"]
            self._recall_event(event)
        self._earlier_s += latest - begun

    def _recall_event(self, event: Event) -> None:
        if event["event"] == "trial":
            number, values = event["number"], event["values"]
            self.trials[number] = Trial(number, values, event["key"])
            self._search.recall(number, values)
        elif event["event"] == "epoch":
            self._note_epoch(self.trials[event["number"]], event["metrics"])
        elif event["event"] == "pause":
            self.trials[event["number"]].paused = True
        elif event["event"] == "promote":
            self._note_promotion(event)
        elif event["event"] == "generation":
            self._note_generation(event)
        elif event["event"] == "exhausted":
            self._exhausted = True
        elif event["event"] == "end":
            trial = self.trials[event["number"]]
            self._note_end(trial, event["status"], event["reason"], cut=event.get("cut", False))
