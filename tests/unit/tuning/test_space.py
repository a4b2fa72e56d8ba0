"""Search spaces: what is drawn, what a grid holds, what is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.errors import SettingsError
from adcraft.settings import Settings
from tuning.search import RandomSource
from tuning.space import Parameter, allowed, check_space, draw, grid, with_values


def parameter(**given: Any) -> Parameter:
    return Parameter.model_validate(given)


SPACE = {
    "train.learning_rate": parameter(log_uniform=[0.001, 0.1]),
    "train.warmup": parameter(uniform=[0.0, 0.2]),
    "model.scratch.layers": parameter(integers=[1, 3]),
    "train.label_smoothing": parameter(choice=[0.0, 0.1]),
    "train.weight_decay": parameter(log_uniform=[0.001, 1.0], when={"train.label_smoothing": [0.1]}),
}


@given(st.integers())
def test_a_point_lies_in_the_space(seed: int) -> None:
    values = draw(SPACE, RandomSource(random.Random(seed)))
    assert 0.001 <= float(values["train.learning_rate"]) <= 0.1
    assert 0 <= float(values["train.warmup"]) <= 0.2
    assert values["model.scratch.layers"] in {1, 2, 3}
    assert ("train.weight_decay" in values) == (values["train.label_smoothing"] == 0.1)
    settings = with_values(Settings(), values)
    assert settings.train.learning_rate == values["train.learning_rate"]
    assert settings.model.scratch.layers == values["model.scratch.layers"]


@given(
    st.tuples(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3)).filter(lambda ends: ends[0] < ends[1]),
    st.integers(),
    st.sampled_from(["uniform", "log_uniform"]),
)
def test_four_digits_never_leave_the_range(ends: tuple[float, float], seed: int, kind: str) -> None:
    found = parameter(**{kind: ends})
    for value in (found.draw("x", RandomSource(random.Random(seed))), *found.grid()):
        assert ends[0] <= float(value) <= ends[1]


def test_log_uniform_gives_each_order_of_magnitude_its_share() -> None:
    source, found = RandomSource(random.Random(1)), parameter(log_uniform=[0.001, 1.0])
    drawn = [float(found.draw("x", source)) for _ in range(3000)]
    for low in (0.001, 0.01, 0.1):
        assert sum(low <= value < 10 * low for value in drawn) == pytest.approx(1000, abs=120)


def test_a_grid_holds_every_point_once() -> None:
    space = {
        "train.learning_rate": parameter(log_uniform=[0.001, 0.1]),
        "train.label_smoothing": parameter(choice=[0.0, 0.1]),
        "train.warmup": parameter(uniform=[0.0, 0.2], points=2, when={"train.label_smoothing": [0.1]}),
    }
    points = list(grid(space))
    assert [point["train.learning_rate"] for point in points] == [0.001] * 3 + [0.01] * 3 + [0.1] * 3
    assert points[:3] == [
        {"train.learning_rate": 0.001, "train.label_smoothing": 0.0},
        {"train.learning_rate": 0.001, "train.label_smoothing": 0.1, "train.warmup": 0.0},
        {"train.learning_rate": 0.001, "train.label_smoothing": 0.1, "train.warmup": 0.2},
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one of"),
        ({"uniform": [0, 1], "choice": [1]}, "uniform, choice"),
        ({"uniform": [1, 1]}, "the first must be the smaller"),
        ({"log_uniform": [0, 1]}, "must begin above 0"),
        ({"choice": [1, 1]}, "a value twice"),
        ({"choice": []}, "at least 1"),
        ({"integers": [0.5, 2]}, "integer"),
        ({"uniform": [0, 1], "points": 1}, "greater than or equal to 2"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parameter(**given)


@pytest.mark.parametrize(
    ("key", "given", "words"),
    [
        ("train.learning_rat", {"uniform": [0, 1]}, ["Did you mean train.learning_rate?"]),
        ("train.warmup", {"uniform": [0, 1.5]}, ["train.warmup = 1.5", "less than 1"]),
        ("train.warmup", {"choice": [0.1, "much"]}, ["train.warmup = 'much'", "number"]),
        ("model.scratch.layers", {"integers": [0, 3]}, ["layers = 0", "greater than or equal to 1"]),
        ("serve.port", {"integers": [1, 3]}, ["serve.port can't be searched", "model.* and train.*"]),
        ("train", {"choice": [1]}, ["train can't be searched"]),
        ("train.storage", {"choice": ["/x"]}, ["does not change what is learnt"]),
        ("model.nothing.layers", {"integers": [1, 2]}, ["unknown key model.nothing.layers"]),
        ("model.base.layers", {"integers": [1, 2]}, ["unknown key model.base.layers"]),
    ],
)
def test_a_setting_that_is_not_there_or_may_not_be_so_is_refused(
    key: str, given: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_space({key: parameter(**given)}, Settings())
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"train.seed": [1]}, "not searched, or only further down"),
        ({"train.label_smoothing": [0.5]}, "can't become 0.5"),
    ],
)
def test_a_condition_that_can_not_come_true_is_refused(when: dict[str, Any], words: str) -> None:
    space = {
        "train.label_smoothing": parameter(choice=[0.0, 0.1]),
        "train.warmup": parameter(uniform=[0, 0.1], when=when),
        "train.seed": parameter(integers=[1, 2]),
    }
    with pytest.raises(SettingsError, match=words):
        check_space(space, Settings())


def test_what_must_fit_together_is_checked_together() -> None:
    space = {
        "model.scratch.d_model": parameter(choice=[96, 100]),
        "model.scratch.heads": parameter(choice=[4, 6]),
    }
    check_space(space, Settings())
    assert allowed(Settings(), {"model.scratch.d_model": 96, "model.scratch.heads": 6})
    assert not allowed(Settings(), {"model.scratch.d_model": 100, "model.scratch.heads": 6})
