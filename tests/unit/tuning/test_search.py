"""Search algorithms: the same seed gives the same values, whatever happened meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

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
    for epoch in (1, 2):
        search.report(number, epoch, abs(rate - 0.01) + 1 / epoch)
    search.end(number, "KILLED" if number % 5 == 0 else "FINISHED")


def test_tpe_learns_and_goes_on_from_what_it_is_told_again() -> None:
    first = make_search("tpe", SPACE, 7)
    tried: list[Any] = []
    for number in range(30):
        values = first.propose(number, anything)
        assert values
        tried.append(values)
        teach(first, number, values)
    assert near(tried[-8:]) >= 5

    second = make_search("tpe", SPACE, 7)
    for number, values in enumerate(tried):
        second.recall(number, values)
        teach(second, number, values)
    following = []
    for number in range(30, 38):
        values = second.propose(number, anything)
        assert values
        following.append(values)
        teach(second, number, values)
    assert near(following) >= 5


def near(tried: list[Any]) -> int:
    """How many are near the best value; of random ones, one in three is."""
    return sum(abs(values["train.learning_rate"] - 0.01) < 0.01 for values in tried)
