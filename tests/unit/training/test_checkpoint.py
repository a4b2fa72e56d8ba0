"""Checkpoints: a run goes on where it was, to the last bit."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import T5ForConditionalGeneration

from adcraft.errors import TrainingError
from adcraft.training.batches import Row, collate
from adcraft.training.checkpoint import begin_from, load, load_weights, save
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.run_state import TRAIN_LIST, RunState, kept_in, read_state
from adcraft.training.steps import train_step
from tests.unit.training.conftest import tiny_t5

CPU = Precision(torch.device("cpu"))


def batch(seed: int):
    torch.manual_seed(seed)
    return collate(
        [[Row([*torch.randint(3, 60, (6,)).tolist(), 1], [*torch.randint(3, 60, (4,)).tolist(), 1])]], 0
    )


def train(
    model: T5ForConditionalGeneration, optimizer: ScaledAdamW, steps: range, precision: Precision = CPU
) -> list[float]:
    losses = []
    for step in steps:
        made = batch(step)
        loss, _ = train_step(
            model,
            optimizer,
            [made],
            precision=precision,
            rate=0.01 + 0.001 * step,
            target_tokens=made.target_tokens,
            smoothing=0.1,
            clip_norm=1.0,
        )
        losses.append(loss)
    return losses


def equal(left: T5ForConditionalGeneration, right: T5ForConditionalGeneration) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("tied", [True, False])
def test_a_reloaded_run_goes_on_bit_for_bit(tmp_path: Path, tied: bool) -> None:
    """Saved between two of the optimizer's measurements of size, which must not be taken anew."""
    model = tiny_t5(64, tied=tied)
    optimizer = ScaledAdamW(model, weight_decay=0.01)
    train(model, optimizer, range(7))
    save(tmp_path, model, optimizer.adamw, RunState(epoch=1, step=7))
    expected = train(model, optimizer, range(7, 30))

    again = tiny_t5(64, tied=tied, seed=9)
    other = ScaledAdamW(again, weight_decay=0.5)
    state = load(tmp_path, again, other.adamw)
    assert (state.epoch, state.step) == (1, 7)
    assert train(again, other, range(7, 30)) == expected
    assert equal(again, model)
    assert (again.lm_head.weight is again.shared.weight) == tied


def test_a_run_that_begins_from_another_ones_checkpoint_has_its_moments_and_its_own_settings(
    tmp_path: Path,
) -> None:
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.01)
    train(model, optimizer, range(7))
    before = RunState(epoch=2, step=7, rows=70, best_loss=1.0, bad_epochs=2, history=[{"epoch": 2.0}])
    save(tmp_path, model, optimizer.adamw, before)
    again = tiny_t5(64, seed=9)
    other = ScaledAdamW(again, weight_decay=0.5)
    assert begin_from(tmp_path, again, other.adamw) == RunState(epoch=2, step=7, rows=70)
    assert equal(again, model)
    for left, right in zip(optimizer.adamw.param_groups, other.adamw.param_groups, strict=True):
        assert right["weight_decay"] == 50 * left["weight_decay"]
        assert (right["scale"], right["steps"]) == (left["scale"], left["steps"])
        (mine,), (its,) = left["params"], right["params"]
        for name, value in optimizer.adamw.state[mine].items():
            assert torch.equal(value, other.adamw.state[its][name])


def test_the_optimizers_state_comes_back_exactly(tmp_path: Path) -> None:
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.01)
    train(model, optimizer, range(3))
    save(tmp_path, model, optimizer.adamw, RunState())
    other = ScaledAdamW(tiny_t5(64, seed=9), weight_decay=0.5)
    load(tmp_path, tiny_t5(64), other.adamw)
    before, after = optimizer.adamw.state_dict(), other.adamw.state_dict()
    assert before["state"].keys() == after["state"].keys()
    for index, values in before["state"].items():
        for name, value in values.items():
            assert torch.equal(value, after["state"][index][name])
            assert value.dtype == after["state"][index][name].dtype
    for left, right in zip(before["param_groups"], after["param_groups"], strict=True):
        assert json.loads(json.dumps(left)) == json.loads(json.dumps(right))


@pytest.mark.parametrize("read", [load, begin_from])
def test_float16_goes_on_with_the_scale_that_it_had(tmp_path: Path, read: Any) -> None:
    """Else the first steps after each restart overflow again, and are left out."""
    before = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.0)
    half = Precision(torch.device("cpu"), "float16")
    half.scaler = before
    train(model, optimizer, range(3), half)
    assert before.get_scale() == 2.0**37
    save(tmp_path, model, optimizer.adamw, RunState(), before)
    after = torch.amp.GradScaler("cpu")
    read(tmp_path, model, optimizer.adamw, after)
    assert after.state_dict() == before.state_dict()
    assert after.get_scale() == 2.0**37


def test_a_scaler_meets_a_checkpoint_without_one(tmp_path: Path) -> None:
    """Of float32, which ``precision: auto`` may have been before."""
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.0).adamw
    save(tmp_path, model, optimizer, RunState(), CPU.scaler)
    scaler = torch.amp.GradScaler("cpu")
    load(tmp_path, model, optimizer, scaler)
    assert scaler.get_scale() == 65_536
    save(tmp_path, model, optimizer, RunState(), scaler)
    load(tmp_path, model, optimizer, CPU.scaler)
    assert not CPU.scaler.is_enabled()


def test_a_run_that_has_not_stepped_yet(tmp_path: Path) -> None:
    model = tiny_t5(64)
    save(tmp_path, model, ScaledAdamW(model, weight_decay=0.0).adamw, RunState())
    again = tiny_t5(64, seed=9)
    assert load(tmp_path, again, ScaledAdamW(again, weight_decay=0.0).adamw) == RunState()
    assert equal(again, model)


def test_a_checkpoint_is_safetensors_and_json_only(tmp_path: Path) -> None:
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.01)
    train(model, optimizer, range(2))
    save(tmp_path, model, optimizer.adamw, RunState())
    assert {file.name for file in tmp_path.iterdir()} == {
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    }
    json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    for name in ("model.safetensors", "optimizer.safetensors"):
        content = (tmp_path / name).read_bytes()
        length = int.from_bytes(content[:8], "little")
        assert json.loads(content[8 : 8 + length])


def test_weights_alone(tmp_path: Path) -> None:
    model = tiny_t5(64)
    save(tmp_path, model, ScaledAdamW(model, weight_decay=0.0).adamw, RunState())
    again = tiny_t5(64, seed=9)
    assert not equal(again, model)
    load_weights(tmp_path, again)
    assert equal(again, model)


def test_weights_of_another_shape(tmp_path: Path) -> None:
    model = tiny_t5(64)
    save(tmp_path, model, ScaledAdamW(model, weight_decay=0.0).adamw, RunState())
    with pytest.raises(
        TrainingError, match=r"is of another model: it has no shared\.weight of shape \(72, 32\)\."
    ):
        load_weights(tmp_path, tiny_t5(72))


STATES = [
    RunState(),
    RunState(best_loss=math.inf),
    RunState(
        epoch=3,
        step=1234,
        rows=10**7,
        tokens=10**12,
        elapsed_s=0.1 + 0.2,
        best_loss=1 / 3,
        bad_epochs=2,
        stopped="time is up – “done”",
        history=[{"epoch": 1.0, "loss": math.inf}, {"epoch": 2.0, "loss": 0.1}],
    ),
]


@pytest.mark.parametrize("state", STATES)
def test_where_a_run_is_comes_back_exactly(tmp_path: Path, state: RunState) -> None:
    model = tiny_t5(64)
    optimizer = ScaledAdamW(model, weight_decay=0.0).adamw
    save(tmp_path, model, optimizer, state)
    assert read_state(tmp_path) == state
    assert load(tmp_path, model, optimizer) == state


def test_a_loss_that_is_no_number_comes_back(tmp_path: Path) -> None:
    model = tiny_t5(64)
    state = RunState(history=[{"loss": math.nan}])
    save(tmp_path, model, ScaledAdamW(model, weight_decay=0.0).adamw, state)
    assert math.isnan(read_state(tmp_path).history[0]["loss"])


def test_kept_checkpoints_are_those_that_ray_lists_by_epoch(tmp_path: Path) -> None:
    assert kept_in(tmp_path) == []
    for name, epoch in (("b", 1), ("a", 3), ("unlisted", 4)):
        (tmp_path / name).mkdir()
        state = {"state": asdict(RunState(epoch=epoch)), "groups": []}
        (tmp_path / name / "state.json").write_text(json.dumps(state))
    listed = {
        "checkpoint_results": [{"checkpoint_dir_name": "b"}, {"checkpoint_dir_name": "deleted"}],
        "latest_checkpoint_result": {"checkpoint_dir_name": "a"},
    }
    file = tmp_path / TRAIN_LIST
    file.write_text(json.dumps(listed))
    assert [folder.name for folder in kept_in(tmp_path)] == ["b", "a"]
    file.write_text(file.read_text()[:20])
    assert kept_in(tmp_path) == []
