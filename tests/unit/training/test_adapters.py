"""Adapters: they learn, and what serves knows nothing of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import T5ForConditionalGeneration

from adcraft.settings import LoraSettings
from adcraft.training.adapters import Adapters, add_adapters, merge_adapters, step_sizes
from adcraft.training.batches import Row, collate
from adcraft.training.checkpoint import load, save
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.run_state import RunState
from adcraft.training.steps import generate_samples, train_step
from tests.unit.training.conftest import enliven, tiny_t5

CPU = Precision(torch.device("cpu"))
SLOTS = (61, 62)
BATCH = collate([[Row([5, 61, 7, 1], [61, 9, 62, 1])], [Row([6, 62, 1], [8, 62, 1])]], 0)
BOTH = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])


def adapters(*, targets: str = "all", rank: int = 4) -> Adapters:
    made = Adapters.of(LoraSettings.model_validate({"rank": rank, "targets": targets}), SLOTS)
    assert made
    return made


def step(model: T5ForConditionalGeneration, optimizer: ScaledAdamW, rate: float = 0.01) -> float:
    loss, _ = train_step(
        model,
        optimizer,
        [BATCH],
        precision=CPU,
        rate=rate,
        target_tokens=BATCH.target_tokens,
        smoothing=0.0,
        clip_norm=1.0,
    )
    return loss


def logits(model: T5ForConditionalGeneration) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=BATCH.input_ids, labels=BATCH.labels.clamp(min=0)).logits
    model.train()
    return found


def trained(steps: int, *, tied: bool = True) -> tuple[T5ForConditionalGeneration, object, list[float]]:
    model = tiny_t5(64, tied=tied).train()
    wrapped = add_adapters(model, adapters(), seed=3)
    optimizer = ScaledAdamW(model, weight_decay=0.01, sizes=step_sizes(model))
    return model, wrapped, [step(model, optimizer) for _ in range(steps)]


def test_rank_zero_is_no_adapter() -> None:
    assert Adapters.of(LoraSettings(), SLOTS) is None


@BOTH
def test_new_adapters_change_nothing(tied: bool) -> None:
    model = tiny_t5(64, tied=tied)
    before = logits(model)
    add_adapters(model, adapters(), seed=3)
    torch.testing.assert_close(logits(model), before)


@BOTH
def test_only_adapters_and_slot_rows_are_trained(tied: bool) -> None:
    model, _, _ = trained(0, tied=tied)
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    rows = {name for name in names if "trainable_tokens" in name}
    assert len(rows) == (1 if tied else 2)
    assert all("lora_" in name for name in names - rows)
    assert {dict(model.named_parameters())[name].shape for name in rows} == {(len(SLOTS), 32)}


@pytest.mark.parametrize(("targets", "matrices"), [("attention", 24), ("all", 36)])
def test_targets(targets: str, matrices: int) -> None:
    model = tiny_t5(64)
    add_adapters(model, adapters(targets=targets), seed=3)
    assert sum("lora_A" in name for name, _ in model.named_parameters()) == matrices


@BOTH
def test_they_learn_and_the_merged_model_computes_the_same(tied: bool) -> None:
    model, wrapped, losses = trained(60, tied=tied)
    assert losses[-1] < 0.8 * losses[0]
    expected = logits(model)
    samples = generate_samples(model, [[5, 61, 1]], CPU, 6)
    merged = merge_adapters(wrapped)  # type: ignore[arg-type]
    torch.testing.assert_close(logits(merged), expected, atol=1e-4, rtol=1e-4)
    assert generate_samples(merged, [[5, 61, 1]], CPU, 6) == samples
    assert merged.state_dict().keys() == tiny_t5(64, tied=tied).state_dict().keys()
    assert (merged.lm_head.weight is merged.shared.weight) == tied
    assert merged.encoder.embed_tokens.weight is merged.decoder.embed_tokens.weight is merged.shared.weight
    assert merged.config.to_dict() == tiny_t5(64, tied=tied).config.to_dict()


@BOTH
def test_slots_come_apart_and_no_other_row_moves(tied: bool) -> None:
    model = tiny_t5(64, tied=tied).train()
    with torch.no_grad():
        for table in {model.shared.weight, model.lm_head.weight}:
            table[list(SLOTS)] = table.mean(dim=0)
    before = model.shared.weight.clone(), model.lm_head.weight.clone()
    wrapped = add_adapters(model, adapters(), seed=3)
    optimizer = ScaledAdamW(model, weight_decay=0.0, sizes=step_sizes(model))
    for _ in range(3):
        step(model, optimizer)
    merged = merge_adapters(wrapped)
    others = [row for row in range(64) if row not in SLOTS]
    for old, new in zip(before, (merged.shared.weight, merged.lm_head.weight), strict=True):
        assert torch.equal(new[others], old[others])
        assert not torch.allclose(new[SLOTS[0]], new[SLOTS[1]])


def test_the_first_steps_change_each_matrix_as_if_it_were_trained_itself() -> None:
    """B starts at zero: of its own size, it would hardly move."""
    model = tiny_t5(64).train()
    wrapped = add_adapters(model, adapters(), seed=3)
    optimizer = ScaledAdamW(model, weight_decay=0.0, sizes=step_sizes(model))
    before = {name: weight.clone() for name, weight in tiny_t5(64).named_parameters()}
    step(model, optimizer, rate=0.001)
    merged = merge_adapters(wrapped)
    scaled = adapters().alpha / adapters().rank
    for name, weight in merged.named_parameters():
        if name.endswith(("q.weight", "v.weight", "wo.weight")):
            moved = (weight - before[name]).square().mean().sqrt() / before[name].square().mean().sqrt()
            assert 0.4 * 0.001 * scaled < moved < 2 * 0.001 * scaled, name


def test_a_checkpoint_holds_what_is_trained_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    model = enliven(tiny_t5(64)).train()
    add_adapters(model, adapters(), seed=3)
    optimizer = ScaledAdamW(model, weight_decay=0.01, sizes=step_sizes(model))
    for _ in range(7):
        step(model, optimizer)
    save(tmp_path, model, optimizer.adamw, RunState(step=7))
    content = (tmp_path / "model.safetensors").read_bytes()
    names = set(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])) - {"__metadata__"}
    assert names == {name for name, weight in model.named_parameters() if weight.requires_grad}
    expected = [step(model, optimizer) for _ in range(20)]

    again = enliven(tiny_t5(64)).train()
    add_adapters(again, adapters(), seed=4)
    other = ScaledAdamW(again, weight_decay=0.01, sizes=step_sizes(again))
    assert load(tmp_path, again, other.adamw).step == 7
    assert [step(again, other) for _ in range(20)] == expected


def test_with_gradient_checkpointing() -> None:
    """A frozen embedding gives no gradient, which is where recomputation used to begin."""
    model = tiny_t5(64).train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    add_adapters(model, adapters(), seed=3)
    optimizer = ScaledAdamW(model, weight_decay=0.01, sizes=step_sizes(model))
    plain, _, losses = trained(5)
    assert [step(model, optimizer) for _ in range(5)] == pytest.approx(losses, rel=1e-5)
    assert plain.training
