"""Search algorithms: the same seed gives the same values, whatever happened meanwhile."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps import epoch, open_study, sweep_settings
from tuning.search import Search, make_search
from tuning.space import Parameter, Values

SPACE = {
    "train.learning_rate": Parameter.model_validate({"log_uniform": [0.001, 0.1]}),
    "train.label_smoothing": Parameter.model_validate({"choice": [0.0, 0.1]}),
    "train.warmup": Parameter.model_validate({"uniform": [0, 0.2], "when": {"train.label_smoothing": [0.1]}}),
}


def anything(values: Values) -> bool:
    return True


def proposed(search: Search, count: int) -> list[Values | None]:
    return [search.propose(number, anything) for number in range(count)]


def test_random_values_depend_on_seed_and_number_alone() -> None:
    search = make_search("random", SPACE, 7)
    assert search.propose(3, anything) == proposed(make_search("random", SPACE, 7), 5)[3]
    assert search.propose(3, anything) != make_search("random", SPACE, 8).propose(3, anything)


@pytest.mark.parametrize("algorithm", ["random", "grid"])
def test_a_space_without_anything_new_ends(algorithm: str) -> None:
    assert make_search(algorithm, SPACE, 7).propose(0, lambda values: False) is None


def teach(search: Search, number: int, values: Values) -> None:
    """The nearer to 0.01, the better."""
    rate = values["train.learning_rate"]
    assert isinstance(rate, float)
    for reached in (1, 2):
        search.report(number, reached, abs(rate - 0.01) + 1 / reached)
    search.end(number, "KILLED" if number % 5 == 0 else "FINISHED")


def test_tpe_learns_and_goes_on_from_what_it_is_told_again() -> None:
    first = make_search("tpe", SPACE, 7)
    tried: list[Any] = []
    for number in range(30):
        values = first.propose(number, anything)
        assert values
        tried.append(values)
        teach(first, number, values)
    assert near(tried[-8:]) >= 3

    second = make_search("tpe", SPACE, 7)
    for number, values in enumerate(tried):
        second.recall(number, values)
        teach(second, number, values)
    assert second.propose(30, anything) == first.propose(30, anything)


def near(tried: list[Any]) -> int:
    """How many are within 1.4 times the best value; of random ones, one in seven is."""
    return sum(abs(math.log10(values["train.learning_rate"] / 0.01)) < 0.15 for values in tried)


def test_tpe_finds_what_random_values_do_not(tmp_path: Path) -> None:
    """Of sweeps of thirty trials which wait for others at rungs, by those after the first eight."""
    found = {
        algorithm: [near(tried_by(tmp_path / f"{algorithm}{seed}", algorithm, seed)[8:]) for seed in range(2)]
        for algorithm in ("tpe", "random")
    }
    assert sum(found["tpe"]) > 2 * sum(found["random"]), found


def tried_by(home: Path, algorithm: str, seed: int) -> list[Values]:
    """The values of a sweep's trials, which are the better the nearer to 0.01."""
    sweep = sweep_settings(
        home,
        search={"algorithm": algorithm, "seed": seed},
        budget={"trials": 30},
    )
    study = open_study(sweep)
    while trial := study.next_trial():
        rate = trial.values["train.learning_rate"]
        assert isinstance(rate, float)
        until = study.until(trial)
        for number in range(trial.epochs + 1, until + 1):
            study.report(trial.number, epoch(number, abs(math.log10(rate / 0.01)) + 1 / number))
        if until < 9:
            study.pause(trial.number)
        else:
            study.end(trial.number, "FINISHED")
    return [trial.values for trial in study.trials.values()]


def test_tpe_tries_all_of_a_space_that_can_be_counted() -> None:
    space = {
        "train.learning_rate": Parameter.model_validate({"choice": [0.001, 0.003, 0.01, 0.03, 0.1]}),
        "train.warmup": Parameter.model_validate({"choice": [0.0, 0.1, 0.2]}),
    }
    search = make_search("tpe", space, 7)
    tried: list[Values] = []
    while values := search.propose(len(tried), lambda values: values not in tried):
        tried.append(values)
        teach(search, len(tried) - 1, values)
    assert len(tried) == 15
