"""The state of a sweep: what is tried, what goes on, and that it is the same after the process died."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import SettingsError, TrainingError
from tests.sweeps import epoch, open_study, sweep_settings
from tuning.journal import Journal
from tuning.study import FAILED, FINISHED, KILLED, RUNNING, Study, Trial

NONE = {"scheduler": {"name": "none"}}


def start(study: Study) -> Trial:
    trial = study.next_trial()
    assert trial
    return trial


def state(study: Study) -> list[Any]:
    return [
        (
            trial.number,
            trial.values,
            trial.key,
            trial.status,
            trial.reason,
            trial.history,
            trial.paused,
            trial.rung,
        )
        for trial in study.trials.values()
    ]


def test_trials_are_proposed_until_the_budget_is_used(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path))
    trials = [start(study) for _ in range(6)]
    assert study.next_trial() is None
    assert len({trial.values["train.learning_rate"] for trial in trials}) == 6
    assert len({trial.key for trial in trials}) == 6
    assert not study.complete
    for trial in trials:
        study.end(trial.number, FINISHED)
    assert study.complete


def test_values_that_were_tried_or_are_not_allowed_are_not_proposed(tmp_path: Path) -> None:
    space = {"model.scratch.heads": {"choice": [3, 4, 8]}, "model.scratch.layers": {"choice": [1]}}
    study = open_study(sweep_settings(tmp_path, space=space))
    assert {start(study).values["model.scratch.heads"] for _ in range(2)} == {4, 8}
    assert study.next_trial() is None
    for number in range(2):
        study.end(number, FINISHED)
    assert study.complete


def test_a_space_that_was_tried_out_is_known_to_be_when_it_goes_on(tmp_path: Path) -> None:
    changes = {"search": {"algorithm": "grid"}, "space": {"train.seed": {"integers": [1, 2]}}}
    first = open_study(sweep_settings(tmp_path, **changes))
    for trial in [start(first), start(first)]:
        first.end(trial.number, FINISHED)
    complete = [first.complete]
    assert first.next_trial() is None
    complete.append(first.complete)
    assert complete == [False, True]
    assert open_study(sweep_settings(tmp_path, **changes)).complete


def test_a_grid_goes_on_after_its_last_point(tmp_path: Path) -> None:
    changes = {"search": {"algorithm": "grid"}, "space": {"train.seed": {"integers": [1, 4]}}}
    first = open_study(sweep_settings(tmp_path, **changes))
    assert [start(first).values["train.seed"] for _ in range(2)] == [1, 2]
    first.end(0, FINISHED)
    second = open_study(sweep_settings(tmp_path, **changes))
    assert [start(second).values["train.seed"] for _ in range(3)] == [2, 3, 4]
    assert second.next_trial() is None


def to_the_rung(study: Study, trial: Trial, loss: float) -> None:
    """Train as far as the study says, with one loss throughout."""
    until = study.until(trial)
    for number in range(trial.epochs + 1, until + 1):
        study.report(trial.number, epoch(number, loss))
    if until < 9:
        study.pause(trial.number)
    else:
        study.end(trial.number, FINISHED)


def test_asha_lets_the_best_third_go_on_and_says_why_the_others_do_not(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path))
    losses = [5.0, 3.0, 4.0, 2.0, 6.0, 7.0]
    order = []
    while trial := study.next_trial():
        order.append((trial.number, trial.epochs))
        to_the_rung(study, trial, losses[trial.number])
    # After three the best goes on; it has to wait, alone on its rung, until nothing else will come.
    assert order == [(0, 0), (1, 0), (2, 0), (1, 1), (3, 0), (3, 1), (4, 0), (5, 0), (3, 3)]
    assert study.complete
    assert not study.waits
    assert [trial.epochs for trial in study.trials.values()] == [1, 3, 1, 9, 1, 1]
    statuses = [trial.status for trial in study.trials.values()]
    assert statuses == [KILLED, KILLED, KILLED, FINISHED, KILLED, KILLED]
    assert study.trials[1].reason == "asha: number 2 of 2 after epoch 3; the best 1/3 go on"
    assert study.trials[0].reason == "asha: number 4 of 6 after epoch 1; the best 1/3 go on"
    assert not study.report(0, epoch(2, 1.0))  # what one that is over still says plays no part
    assert open_study(study.sweep).complete


def test_asha_goes_on_without_a_promoted_trial_that_failed(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path, budget={"trials": 2}))
    for loss in (1.0, 2.0):
        to_the_rung(study, start(study), loss)
    assert start(study).number == 0
    study.end(0, FAILED, "out of memory")
    assert start(study).number == 1
    assert study.until(study.trials[1]) == 3


@pytest.mark.parametrize("paused", [False, True])
def test_asha_compares_fairly_after_the_process_died_at_a_rung(tmp_path: Path, paused: bool) -> None:
    """A trial that has reported its rung's epoch, but has not come to pause, goes no further uncompared."""
    sweep = sweep_settings(tmp_path)
    first = open_study(sweep)
    for loss in (1.0, 2.0, 3.0):
        trial = start(first)
        first.report(trial.number, epoch(1, loss))
        if trial.number < 2 or paused:
            first.pause(trial.number)
    second = open_study(sweep)
    if not paused:
        trial = start(second)
        assert (trial.number, second.until(trial)) == (2, 1)
        second.pause(2)
    promoted = start(second)
    assert (promoted.number, second.until(promoted)) == (0, 3)
    third = open_study(sweep)
    again = start(third)  # it was promoted, and died before its next epoch
    assert (again.number, third.until(again)) == (0, 3)
    assert start(third).number == 3


def test_an_epoch_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path, **NONE))
    start(study)
    assert study.report(0, epoch(1, 2.0))
    assert study.report(0, epoch(1, 5.0))
    assert study.trials[0].history == [epoch(1, 2.0)]


def test_a_loss_that_is_no_number_fails_the_trial_alone(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path, **NONE))
    start(study)
    start(study)
    assert study.report(0, epoch(1, 2.0))
    assert not study.report(0, epoch(2, math.nan))
    assert study.trials[0].status == FAILED
    assert "epoch 2 is no number" in study.trials[0].reason
    assert study.report(1, epoch(1, 1.0))
    assert [trial.number for trial in study.ranked()] == [1]
    assert open_study(study.sweep).trials[0].status == FAILED


def test_more_may_be_better(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path, objective={"metric": "tokens_per_s", "mode": "max"}, **NONE))
    for number, speed in enumerate([5.0, 9.0, 7.0]):
        start(study)
        study.report(number, {**epoch(1, 1.0), "tokens_per_s": speed})
    assert [trial.number for trial in study.ranked()] == [1, 2, 0]


@pytest.mark.parametrize("algorithm", ["random", "grid"])
def test_a_study_is_the_same_after_its_process_died(tmp_path: Path, algorithm: str) -> None:
    sweep = sweep_settings(
        tmp_path, search={"algorithm": algorithm}, space={"train.seed": {"integers": [1, 9]}}
    )
    first = open_study(sweep)
    first.begin()
    for _ in range(4):
        start(first)
    for number, loss in enumerate([2.0, 3.0, 1.0]):
        first.report(number, epoch(1, loss))
        first.pause(number)
    assert start(first).number == 2
    first.report(2, epoch(2, 0.9))
    first.end(0, FINISHED, "no better validation loss in 3 epochs")

    second = open_study(sweep)
    assert state(second) == state(first)
    statuses = [trial.status for trial in second.trials.values()]
    assert statuses == [FINISHED, RUNNING, RUNNING, RUNNING]
    assert [start(second).number for _ in range(4)] == [2, 3, 4, 5]  # unfinished ones first
    assert second.trials[1].paused
    assert start(first).values == second.trials[4].values  # whether it died or not, the same is tried


def test_a_line_that_was_cut_short_is_lost_alone(tmp_path: Path) -> None:
    sweep = sweep_settings(tmp_path)
    study = open_study(sweep)
    start(study)
    before = state(study)
    journal = Journal(sweep.folder)
    with (sweep.folder / "journal.jsonl").open("a") as file:
        file.write('{"at": 1, "event": "epo')
    assert state(open_study(sweep)) == before
    with journal.alone({}):
        journal.append("end", number=0, status=KILLED, reason="x")
    assert open_study(sweep).trials[0].status == KILLED


def test_epochs_and_minutes_end_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(sweep_settings(tmp_path, budget={"trials": 6, "epochs": 3}, **NONE))
    for number in range(2):
        start(study)
        study.report(number, epoch(1, 1.0))
    assert not study.spent()
    study.report(0, epoch(2, 1.0))
    assert study.spent() == "the sweep's 3 epochs are used up"
    assert study.next_trial() is None
    assert study.complete
    study.end_if_spent()
    assert [trial.status for trial in study.trials.values()] == [KILLED, KILLED]
    assert open_study(study.sweep).complete

    sweep = sweep_settings(tmp_path, name="timed", budget={"trials": 6, "minutes": 1})
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    first = open_study(sweep)
    first.begin()
    now[0] += 40
    start(first)
    now[0] += 1000  # nobody ran it
    second = open_study(sweep)
    second.begin()
    assert second.elapsed_s == 40
    now[0] += 21
    assert second.spent() == "the sweep's 1 minutes are over"


def test_a_sweep_goes_on_with_a_larger_budget(tmp_path: Path) -> None:
    """Trials that were cut go on, at the rung where they waited or in the middle."""
    cut = sweep_settings(tmp_path, budget={"trials": 4, "epochs": 3})
    first = open_study(cut)
    first.begin()
    for loss in (1.0, 2.0, 3.0):
        to_the_rung(first, start(first), loss)
    first.end_if_spent()
    assert {(trial.status, trial.reason) for trial in first.trials.values()} == {
        (KILLED, "the sweep's 3 epochs are used up")
    }
    journal = Journal(cut.folder)
    assert journal.reason_of_end(0) == "the sweep's 3 epochs are used up"

    more = sweep_settings(tmp_path, budget={"trials": 4, "epochs": 100})
    second = open_study(more)
    complete = [second.complete]
    second.begin()
    assert journal.reason_of_end(0) == ""
    promoted = start(second)
    assert (promoted.number, second.until(promoted)) == (0, 3)
    to_the_rung(second, promoted, 1.0)
    while trial := second.next_trial():
        to_the_rung(second, trial, 1.0 + trial.number)
    assert [trial.status for trial in second.trials.values()] == [FINISHED, KILLED, KILLED, KILLED]
    assert [*complete, second.complete] == [False, True]
    assert state(open_study(more)) == state(second)


def test_nobodys_time_is_counted_when_a_spent_sweep_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    sweep = sweep_settings(tmp_path, budget={"trials": 6, "minutes": 1})
    first = open_study(sweep)
    first.begin()
    start(first)
    now[0] += 61
    first.report(0, epoch(1, 1.0))  # and then it was killed
    now[0] += 86_400
    second = open_study(sweep)
    assert second.complete
    second.begin()
    second.end_if_spent()
    assert open_study(sweep).elapsed_s == 61


def test_a_trial_reads_in_the_journal_that_it_is_over(tmp_path: Path) -> None:
    study = open_study(sweep_settings(tmp_path, **NONE))
    for _ in range(2):
        start(study)
    journal = Journal(study.sweep.folder)
    assert [journal.reason_of_end(number) for number in (0, 1)] == ["", ""]
    study.end(1, KILLED, "too slow")
    assert [journal.reason_of_end(number) for number in (0, 1)] == ["", "too slow"]


def test_two_sweeps_of_one_name_and_two_processes_of_one_sweep_are_refused(tmp_path: Path) -> None:
    journal, again = Journal(tmp_path / "s"), Journal(tmp_path / "s")
    with (
        journal.alone({"space": {"a": 1}, "seed": 7}),
        pytest.raises(TrainingError, match="Another process is running the sweep 's'"),
        again.alone({"space": {"a": 1}, "seed": 7}),
    ):
        pass
    with pytest.raises(SettingsError) as caught, again.alone({"space": {"a": 2, "b": 3}, "seed": 7}):
        pass
    message = str(caught.value)
    assert "another sweep of the name 's'" in message
    assert "space.a (1 there, 2 here); space.b (None there, 3 here)" in message
    with again.alone({"seed": 7, "space": {"a": 1}}):
        pass
