"""Sweeps as files: what is read, what is refused before anything starts, what makes two the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from adcraft.errors import SettingsError
from tests.sweeps import sweep_settings
from tuning.settings import load_sweep

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "configs").glob("sweep*.yaml"))
PBT = {"scheduler": {"name": "pbt", "population": 4, "interval": 2}}
CAN_CHANGE = {"train.learning_rate": {"log_uniform": [0.001, 0.1]}}
BOTH = {**PBT, "space": CAN_CHANGE}
NO_PATIENCE = "train.patience=0"
TREE: dict[str, Any] = {"name": "x", "space": {"train.warmup": {"uniform": [0.0, 0.2]}}}


def load(tmp_path: Path, *overrides: str, **changes: Any) -> Any:
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump({**TREE, **changes}))
    return load_sweep(file, [f"home={tmp_path}", *overrides], {})


@pytest.mark.parametrize("config", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_sweep_is_accepted(config: Path, tmp_path: Path) -> None:
    sweep = load_sweep(config, [f"home={tmp_path}"], {})
    assert sweep.budget.trials > 3
    assert sweep.folder == tmp_path / "train" / "sweeps" / sweep.name


def test_overrides_reach_trials_and_sweep(tmp_path: Path) -> None:
    sweep = load(tmp_path, "train.max_epochs=3", "sweep.budget.trials=4", "sweep.name=y", "data.name=2024")
    assert sweep.settings.train.max_epochs == 3
    assert sweep.settings.data.name == "2024"
    assert (sweep.budget.trials, sweep.name) == (4, "y")


@pytest.mark.parametrize(
    ("changes", "overrides", "words"),
    [
        ({"objective": {"metric": "rouge"}}, [], ["metric = 'rouge'", "no trial reports it"]),
        ({"schedular": {}}, [], ["unknown key schedular", "Did you mean scheduler?"]),
        ({"scheduler": {"name": "hyperband"}}, [], ["scheduler.name = 'hyperband'", "'asha'"]),
        ({"space": {}}, [], ["space", "at least 1"]),
        ({"name": "a/b"}, [], ["name = 'a/b'"]),
        ({}, ["sweep.budget.trails=4"], ["unknown key budget.trails", "Did you mean budget.trials?"]),
        ({}, ["train.warmupp=4"], ["unknown key settings.train.warmupp"]),
        ({}, ["train.fresh=true"], ["train.fresh has no meaning in a sweep"]),
        ({"scheduler": {"grace_epochs": 9}}, ["train.max_epochs=2"], ["grace_epochs = 9", "max_epochs = 2"]),
        ({"space": {"train.warmup": {"uniform": [0, 2]}}}, [], ["train.warmup = 2"]),
        ({"space": {"train.warmup": {"unifrom": [0, 1]}}}, [], ["Did you mean space.train.warmup.uniform?"]),
        (
            {"space": {"model.scratch.d_model": {"choice": [50]}, "model.scratch.heads": {"choice": [3]}}},
            [],
            ["no combination of its values is allowed"],
        ),
        ({}, ["train.num_workers=2", "train.min_workers=1"], ["train.min_workers has no place in a sweep"]),
    ],
)  # fmt: skip
def test_what_can_not_be_run_is_refused(
    tmp_path: Path, changes: dict[str, Any], overrides: list[str], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, *overrides, **changes)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("changes", "overrides", "words"),
    [
        (PBT, [NO_PATIENCE], ["train.warmup can't be searched by scheduler pbt", "train.learning_rate"]),
        (
            {**PBT, "space": {"model.scratch.layers": {"integers": [1, 2]}}},
            [NO_PATIENCE],
            ["model.scratch.layers can't be searched by scheduler pbt"],
        ),
        ({**BOTH, "search": {"algorithm": "tpe"}}, [NO_PATIENCE], ["'tpe' does not go with scheduler pbt"]),
        ({**BOTH, "budget": {"trials": 3}}, [NO_PATIENCE], ["population = 4", "budget.trials = 3"]),
        (BOTH, [NO_PATIENCE, "train.max_epochs=2"], ["interval = 2", "train.max_epochs = 2"]),
        (BOTH, ["train.patience=3"], ["train.patience = 3 does not go with scheduler pbt"]),
        (BOTH, [NO_PATIENCE, "train.max_minutes=5"], ["train.max_minutes = 5 does not go with"]),
        (BOTH, [NO_PATIENCE, "sweep.scheduler.quantile=0.6"], ["quantile = 0.6", "equal to 0.5"]),
        (BOTH, [NO_PATIENCE, "sweep.scheduler.population=1"], ["population = 1", "equal to 2"]),
    ],
)
def test_what_a_population_can_not_be_trained_with_is_refused(
    tmp_path: Path, changes: dict[str, Any], overrides: list[str], words: list[str]
) -> None:
    load(tmp_path, NO_PATIENCE, **BOTH)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, *overrides, **changes)
    assert all(word in str(caught.value) for word in words), caught.value


def test_workers_of_a_trial_are_the_most_that_it_can_have(tmp_path: Path) -> None:
    assert load(tmp_path, "train.num_workers=2").max_workers == 2
    assert load(tmp_path, space={"train.num_workers": {"choice": [1, 4]}}).max_workers == 4


def test_budget_place_and_threads_make_no_other_sweep(tmp_path: Path) -> None:
    one = sweep_settings(tmp_path)
    settings = one.settings.train.model_copy(update={"storage": "/x", "threads_per_worker": 3})
    same = one.model_copy(
        update={
            "budget": one.budget.model_copy(update={"trials": 99}),
            "max_concurrent": 3,
            "settings": one.settings.model_copy(update={"train": settings, "home": "/y"}),
        }
    )
    assert one.identity("d") == same.identity("d") != one.identity("e")
    other = one.model_copy(update={"search": one.search.model_copy(update={"seed": 8})})
    assert one.identity("d") != other.identity("d")


def test_a_local_base_model_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoint").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path, "model.base=./checkpoint").settings.model.base == str(tmp_path / "checkpoint")
    assert load(tmp_path, "model.base=google-t5/t5-small").settings.model.base == "google-t5/t5-small"


def test_local_base_models_of_the_space_are_found_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoint").mkdir()
    monkeypatch.chdir(tmp_path)
    space = {
        "model.base": {"choice": ["scratch", "./checkpoint", "google-t5/t5-small"]},
        "train.lora.rank": {"integers": [1, 4], "when": {"model.base": ["./checkpoint"]}},
    }
    found = load(tmp_path, space=space).space
    whole = str(tmp_path / "checkpoint")
    assert found["model.base"].choice == ("scratch", whole, "google-t5/t5-small")
    assert found["train.lora.rank"].when == {"model.base": (whole,)}


def test_a_local_base_whose_files_changed_makes_another_sweep(tmp_path: Path) -> None:
    weights = tmp_path / "checkpoint" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    searched = load(tmp_path, space={"model.base": {"choice": ["scratch", str(weights.parent)]}})
    fixed = load(tmp_path, f"model.base={weights.parent}")
    before = [searched.identity("d"), fixed.identity("d")]
    assert [searched.identity("d"), fixed.identity("d")] == before
    weights.write_bytes(b"other")
    assert all(
        now != then for now, then in zip([searched.identity("d"), fixed.identity("d")], before, strict=True)
    )
