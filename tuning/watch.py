"""What a sweep does while its trials run: it says where they are, to people and to Prometheus, and ends the
MLflow runs of those that are over.
"""

from __future__ import annotations

import logging
import time

from adcraft.errors import AdcraftError
from adcraft.job_metrics import JobMetrics
from adcraft.metric_names import SWEEP_TRIALS
from adcraft.tracking.children import Children, Ending
from tuning.leaderboard import progress
from tuning.study import FINISHED, KILLED, RUNNING, Study

log = logging.getLogger(__name__)

_LINE_INTERVAL_S = 15.0
_SETTLE_INTERVAL_S = 5.0
_GAUGES_INTERVAL_S = 1.0


class Watch:
    """Follows a study; called from the one thread that changes it."""

    def __init__(self, study: Study, children: Children) -> None:
        self._study = study
        self._children = children
        self._printed = self._settled_at = time.monotonic()
        self._shown = self._state()
        self._settled = 0
        self._gauges_set = 0.0
        self._metrics = JobMetrics()

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now - self._printed >= _LINE_INTERVAL_S:
            self._printed = now
            self.say()
        if now - self._gauges_set >= _GAUGES_INTERVAL_S:
            self._gauges_set = now
            for state, count in self._study.states().items():
                self._metrics.record(SWEEP_TRIALS, count, state=state)
        over = sum(trial.status != RUNNING for trial in self._study.trials.values())
        if over > self._settled and now - self._settled_at >= _SETTLE_INTERVAL_S:
            self._settled_at = now
            try:
                self._children.settle(endings(self._study))
            except AdcraftError as error:  # asked again later, and at the end
                log.warning("%s", error)
            else:
                self._settled = over

    def say(self) -> None:
        """Print where the sweep is, and the trials that changed since the last time."""
        state = self._state()
        changed = [number for number, seen in state.items() if self._shown.get(number) != seen]
        self._shown = state
        for line in progress(self._study, changed):
            log.info("%s", line)

    def _state(self) -> dict[int, tuple[str, int]]:
        return {number: (trial.status, trial.epochs) for number, trial in self._study.trials.items()}


def endings(study: Study, unfinished: str = "") -> dict[str, Ending]:
    """How the runs of trials that are over end, by run key.

    Args:
        study: with the trials.
        unfinished: why trials that are not over do not run any more; "" while they do.
    """
    found = {
        trial.key: Ending(trial.status, "" if trial.status == FINISHED else trial.reason)
        for trial in study.trials.values()
        if trial.status != RUNNING
    }
    if unfinished:
        running = [trial for trial in study.trials.values() if trial.status == RUNNING]
        found |= {trial.key: Ending(KILLED, unfinished) for trial in running}
    return found
