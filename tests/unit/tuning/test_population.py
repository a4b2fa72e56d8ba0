"""Population based training: what is decided, with a trainer that is a formula, and that it is the same
whatever runs at a time and whenever the process dies.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.training.origin import Origin
from tests.sweeps import epoch, open_study, sweep_settings
from tuning.importance import comparable
from tuning.journal import Journal
from tuning.leaderboard import leaderboard, lineage, progress
from tuning.population import explore, neighbour, select
from tuning.report import CURVES, make_report
from tuning.settings import SweepSettings
from tuning.space import Parameter, Values
from tuning.study import FAILED, FINISHED, KILLED, Study, Trial

SPACE: dict[str, Any] = {
    "train.learning_rate": {"log_uniform": [0.001, 0.1]},
    "train.label_smoothing": {"choice": [0.0, 0.1, 0.2]},
}
POPULATION, INTERVAL, EPOCHS = 6, 2, 8


def pbt(home: Path, epochs: int = EPOCHS, **changes: Any) -> SweepSettings:
    scheduler = {"name": "pbt", "population": POPULATION, "interval": INTERVAL, "quantile": 0.34}
    settings = {"train": {"max_epochs": epochs, "patience": 0, "storage": str(home / "train")}}
    given = {"settings": settings, "space": SPACE, "scheduler": scheduler, "budget": {"trials": 30}}
    return sweep_settings(home, **{**given, **changes})


class DiedError(Exception):
    """The sweep's process did."""


class Trainer:
    """Trains by a formula: an epoch makes the loss less, the more so the nearer the learning rate is to 0.01.
    Its checkpoints outlive the sweep's process; of each run the latest alone is kept.

    Attributes:
        trained: key and epoch of everything that was ever trained, in order.
    """

    def __init__(self, sweep: SweepSettings, at_a_time: int = 2, seed: int = 0, diverges: int = -1) -> None:
        self.trained: list[tuple[str, int]] = []
        self._sweep = sweep
        self._at_a_time = at_a_time
        self._order = random.Random(seed)
        self._diverges = diverges
        self._starts: dict[str, tuple[int, float]] = {}
        self._histories: dict[str, list[tuple[int, float]]] = {}

    def run(self, lines: int = 10**9) -> Study:
        """Run the sweep to its end, or until its process dies after so many lines of the journal."""
        study = open_study(self._sweep, self._hand_over)
        append = study._journal.append

        written = 0

        def counted(event: str, **content: Any) -> Any:
            nonlocal written
            if written == lines:
                raise DiedError
            written += 1
            return append(event, **content)

        study._journal.append = counted  # type: ignore[method-assign]
        running: dict[int, Trial] = {}
        while True:
            while len(running) < self._at_a_time and (trial := study.next_trial()):
                assert trial.number not in running
                running[trial.number] = trial
                for told in self._histories.get(trial.key, []):
                    study.report(trial.number, self._metrics(trial, *told))
            if not running:
                assert not study.waits
                return study
            self._step(study, running)

    def _step(self, study: Study, running: dict[int, Trial]) -> None:
        """An epoch of one of those that run, or its end."""
        trial = running[self._order.choice(sorted(running))]
        assert (trial.key in self._starts) == (trial.parent is not None)
        history = self._histories.setdefault(trial.key, [])
        done, loss = history[-1] if history else self._starts.get(trial.key, (0, 4.0))
        assert trial.began <= done <= study.until(trial)
        if done < study.until(trial):
            distance = abs(math.log10(float(trial.values["train.learning_rate"])) + 2)
            history.append((done + 1, loss * (0.5 + 0.45 * min(1.0, distance))))
            self.trained.append((trial.key, done + 1))
            if not study.report(trial.number, self._metrics(trial, *history[-1])):
                del running[trial.number]
            return
        del running[trial.number]
        if done == self._sweep.settings.train.max_epochs:
            study.end(trial.number, FINISHED)
        else:
            study.pause(trial.number)

    def _metrics(self, trial: Trial, number: int, loss: float) -> dict[str, float]:
        return epoch(number, math.nan if trial.number == self._diverges else loss)

    def _hand_over(self, origin: Origin, key: str) -> None:
        latest = self._histories[origin.key][-1]
        assert latest[0] == origin.epoch, "the parent has gone on"
        assert self._starts.setdefault(key, latest) == latest


def decisions(study: Study) -> list[str]:
    return [
        repr((trial.values, trial.status, trial.reason, trial.began, trial.replaces, trial.history))
        for trial in study.trials.values()
    ]


def last_losses(study: Study) -> list[float]:
    finished = [trial for trial in study.trials.values() if trial.status == FINISHED]
    return sorted(trial.history[-1]["validation_loss"] for trial in finished)


def test_a_population_becomes_better_than_what_it_began_with(tmp_path: Path) -> None:
    study = Trainer(pbt(tmp_path)).run()
    alone = Trainer(pbt(tmp_path, name="alone", scheduler={"name": "none"}, budget={"trials": 6})).run()
    first = [trial.values for trial in study.trials.values()][:POPULATION]
    assert first == [trial.values for trial in alone.trials.values()]
    assert len(last_losses(study)) == POPULATION
    assert last_losses(study)[0] < last_losses(alone)[0]
    assert last_losses(study)[-1] < last_losses(alone)[3]
    assert study.epochs == alone.epochs == POPULATION * EPOCHS  # at no more cost
    assert study.complete
    best = study.lineage(study.ranked()[0])
    assert [trial.parent.number for trial in best[1:] if trial.parent] == [t.number for t in best[:-1]]


@pytest.mark.parametrize(("at_a_time", "seed"), [(1, 1), (3, 2), (POPULATION, 3)])
def test_decisions_do_not_depend_on_what_runs_at_a_time(tmp_path: Path, at_a_time: int, seed: int) -> None:
    one = Trainer(pbt(tmp_path / "one"), diverges=3).run()
    other = Trainer(pbt(tmp_path / "other"), at_a_time, seed, diverges=3).run()
    assert decisions(other) == decisions(one)


def test_a_sweep_that_dies_at_any_line_decides_the_same_and_trains_nothing_twice(tmp_path: Path) -> None:
    smaller = {"scheduler": {"name": "pbt", "population": 4, "interval": 1}}
    sweep = pbt(tmp_path / "whole", epochs=3, **smaller)
    undisturbed = decisions(Trainer(sweep).run())
    lines = len(Journal(sweep.folder).events())
    for line in range(lines):
        sweep = pbt(tmp_path / str(line), epochs=3, **smaller)
        trainer = Trainer(sweep, seed=line)
        with pytest.raises(DiedError):
            trainer.run(line)
        study = trainer.run()
        assert decisions(study) == undisturbed
        assert len(trainer.trained) == len(set(trainer.trained)) == 4 * 3
        assert decisions(open_study(sweep)) == undisturbed


def test_the_poorest_give_way_and_say_to_whom(tmp_path: Path) -> None:
    study = Trainer(pbt(tmp_path)).run()
    first = {
        trial.number: trial.history[1]["validation_loss"]
        for trial in study.trials.values()
        if not trial.parent
    }
    ranked = sorted(first, key=lambda number: first[number])
    children = [trial for trial in study.trials.values() if trial.began == INTERVAL]
    assert {child.replaces for child in children} == set(ranked[-2:])
    assert {child.parent.number for child in children if child.parent} <= set(ranked[:2])
    gone = study.trials[ranked[-1]]
    assert (gone.status, gone.epochs) == (KILLED, INTERVAL)
    (child,) = (child for child in children if child.replaces == gone.number)
    assert child.parent
    assert gone.reason.startswith(
        f"pbt: number 6 of 6 after epoch 2; goes on as trial {child.number} from trial "
        f"{child.parent.number} with train.learning_rate {child.values['train.learning_rate']}"
    )
    assert child.values != study.trials[child.parent.number].values
    assert child.history[0]["epoch"] == INTERVAL + 1


def test_one_that_has_come_to_the_end_of_its_part_waits(tmp_path: Path) -> None:
    study = open_study(pbt(tmp_path))
    for _ in range(POPULATION):
        trial = study.next_trial()
        assert trial
        assert study.until(trial) == INTERVAL
        assert study.report(trial.number, epoch(INTERVAL, 2.0 + trial.number))
    for number in range(POPULATION):
        assert study.next_trial() is None
        assert study.waits
        study.pause(number)
        going_on = (
            [trial.number for trial in iter(open_study(study.sweep).next_trial, None)] if number < 5 else []
        )
        assert going_on == list(range(number + 1, POPULATION))  # also where its process dies
    head, *rows = progress(study, [])
    assert f"({POPULATION} paused)" in head
    assert not rows  # said once, when it changed, and not every time
    states = [row.split()[4] for row in progress(study, range(POPULATION))[1:]]
    assert states == ["paused"] * POPULATION
    following = [study.next_trial() for _ in range(POPULATION)]
    assert all(trial and not trial.paused and study.until(trial) == 2 * INTERVAL for trial in following)
    assert [row.split()[4] for row in progress(study, [4, 5])[1:]].count("stopped") == 2
    assert study.next_trial() is None


def test_the_place_of_one_that_failed_is_taken(tmp_path: Path) -> None:
    study = Trainer(pbt(tmp_path), diverges=4).run()
    assert study.trials[4].status == FAILED
    assert "diverged" in study.trials[4].reason
    assert 4 in {trial.replaces for trial in study.trials.values()}
    assert study.counts()[FINISHED] == POPULATION


def test_where_none_lives_the_sweep_is_over(tmp_path: Path) -> None:
    study = open_study(pbt(tmp_path))
    for _ in range(POPULATION):
        trial = study.next_trial()
        assert trial
        study.report(trial.number, epoch(1, math.nan))
    assert study.next_trial() is None
    assert not study.waits
    assert study.complete


def test_budgets_of_trials_and_epochs_hold(tmp_path: Path) -> None:
    few = Trainer(pbt(tmp_path, budget={"trials": POPULATION + 1})).run()
    assert len(few.trials) == POPULATION + 1
    assert few.counts()[FINISHED] == POPULATION  # those that find no place for a child go on
    short = Trainer(pbt(tmp_path, name="short", budget={"trials": 30, "epochs": 15})).run()
    assert short.spent() == "the sweep's 15 epochs are used up"
    assert 15 <= short.epochs <= 16
    assert {trial.began for trial in short.trials.values()} == {0, INTERVAL}


def test_the_report_tells_who_goes_back_to_whom(tmp_path: Path) -> None:
    study = Trainer(pbt(tmp_path)).run()
    head, *rows = leaderboard(study).splitlines()
    assert head.split()[-3:] == ["from", "learning_rate", "label_smoothing"]
    numbers = {int(row.split()[-8]): row.split()[-3] for row in rows}
    for trial in study.trials.values():
        assert numbers[trial.number] == (f"{trial.parent.number}@{trial.began}" if trial.parent else ".")
    best = study.lineage(study.ranked()[0])
    parts = lineage(study).splitlines()[1:]
    assert [int(part.partition("trial ")[2].partition(",")[0]) for part in parts] == [t.number for t in best]
    assert parts[0].startswith("  epochs 1-")
    assert parts[-1].startswith(f"  epochs {best[-1].began + 1}-{EPOCHS}: ")
    assert {trial.number for trial in comparable(study)} == set(range(POPULATION))
    report = make_report(study)
    assert f"{POPULATION * EPOCHS} of {POPULATION * EPOCHS} epochs" in report.text
    assert "How the best one was trained:" in report.text
    assert report.pictures[CURVES].startswith(b"\x89PNG")


SCORES = st.dictionaries(st.integers(0, 40), st.floats(0, 9) | st.just(math.inf), min_size=2, max_size=20)


@given(SCORES, st.floats(0.01, 0.5))
def test_nobody_gives_way_to_a_poorer_one(scores: dict[int, float], quantile: float) -> None:
    poor, best = select(scores, quantile)
    assert not set(poor) & set(best)
    assert all(math.isfinite(scores[number]) for number in best)
    assert bool(best) == any(map(math.isfinite, scores.values()))
    if best:
        assert min(scores.values()) == scores[best[0]]
        assert max(scores[number] for number in best) <= min(scores[number] for number in poor)
        assert set(poor) >= {number for number, score in scores.items() if score == math.inf}
        assert scores[poor[0]] == max(scores.values())


@given(st.integers(), st.integers(0, 30), st.floats(0, 1))
def test_a_child_lies_in_the_space_and_is_not_its_parent(
    seed: int, generations: int, resample: float
) -> None:
    space = {
        "train.learning_rate": {"log_uniform": [0.001, 0.1]},
        "train.weight_decay": {"uniform": [0.0, 0.3]},
        "train.accumulate": {"integers": [1, 4]},
        "train.label_smoothing": {"choice": [0.0, 0.1, 0.2]},
        "train.clip_norm": {"uniform": [0.5, 2.0], "when": {"train.label_smoothing": [0.1]}},
    }
    scheduler = {"name": "pbt", "resample": resample}
    sweep = sweep_settings(Path("/nowhere"), space=space, scheduler=scheduler)
    generator = random.Random(seed)
    values = explore(sweep, {}, [], generator)
    for _ in range(generations):
        assert values
        sibling = explore(sweep, values, [], generator)
        assert sibling
        child = explore(sweep, values, [sibling], generator)
        assert child not in (values, sibling)
        values = child
    assert values
    assert 0.001 <= float(values["train.learning_rate"]) <= 0.1
    assert 0 <= float(values["train.weight_decay"]) <= 0.3
    assert values["train.accumulate"] in {1, 2, 3, 4}
    assert values["train.label_smoothing"] in {0.0, 0.1, 0.2}
    assert ("train.clip_norm" in values) == (values["train.label_smoothing"] == 0.1)
    assert 0.5 <= float(values.get("train.clip_norm", 1.0)) <= 2


def test_neighbours_are_near() -> None:
    generator = random.Random(1)

    def found(value: Any, **given: Any) -> set[Any]:
        parameter = Parameter.model_validate(given)
        return {neighbour(parameter, value, generator) for _ in range(50)}

    assert found(0.01, log_uniform=[0.001, 0.1]) == {0.008, 0.012}
    assert found(0.09, log_uniform=[0.001, 0.1]) == {0.072, 0.1}
    assert found(10, integers=[1, 11]) == {8, 11}
    assert found(1, integers=[1, 4]) == {1, 2}
    assert found("b", choice=["a", "b", "c"]) == {"a", "c"}
    assert found("a", choice=["a", "b", "c"]) == {"b"}
    assert found("a", choice=["a"]) == {"a"}


@pytest.mark.parametrize("resample", [0, 0.5, 1])
def test_siblings_have_other_values_than_each_other_and_their_parent(tmp_path: Path, resample: float) -> None:
    space = {"train.learning_rate": {"choice": [0.01, 0.02, 0.03]}}
    sweep = pbt(tmp_path, space=space, scheduler={"name": "pbt", "resample": resample})
    values: list[Values] = [{"train.learning_rate": rate} for rate in (0.01, 0.02, 0.03)]
    for seed in range(20):
        generator = random.Random(seed)
        assert explore(sweep, values[1], [values[0]], generator) == values[2]
        assert explore(sweep, values[1], [values[0], values[2]], generator) is None


def test_a_space_without_another_point_has_no_child(tmp_path: Path) -> None:
    space = {"train.learning_rate": {"choice": [0.01, 0.02]}}
    study = Trainer(pbt(tmp_path, space=space)).run()
    assert len([trial for trial in study.trials.values() if not trial.parent]) == 2
    assert study.complete
