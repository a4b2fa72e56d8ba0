"""Mixed precision: what the hardware is asked for, and a step in smaller numbers."""

from __future__ import annotations

import pytest
import torch

from adcraft.errors import TrainingError
from adcraft.training import precision as module
from adcraft.training.batches import Batch, Row, collate
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision, choose_precision
from adcraft.training.steps import train_step, validate
from tests.unit.training.conftest import tiny_t5
from tests.unit.training.workers import together

CPU = torch.device("cpu")


def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, 60, (8, 6), generator=generator).tolist()
    return collate([[Row([*row, 1], [*reversed(row), 1])] for row in ids], 0)


def train(precision: Precision, steps: int) -> tuple[list[float], torch.nn.Module]:
    model = tiny_t5(64).train()
    optimizer = ScaledAdamW(model, weight_decay=0.0)
    made = batch()
    losses = [
        train_step(
            model,
            optimizer,
            [made],
            precision=precision,
            rate=0.02,
            target_tokens=made.target_tokens,
            smoothing=0.0,
            clip_norm=1.0,
        )[0]
        for _ in range(steps)
    ]
    return losses, model


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_smaller_numbers_learn_what_float32_learns(name: str) -> None:
    expected, _ = train(Precision(CPU), 30)
    losses, model = train(Precision(CPU, name), 30)
    assert losses[0] == pytest.approx(expected[0], rel=0.02)
    assert losses[-1] < 0.9 * losses[0]
    assert losses[-1] == pytest.approx(expected[-1], rel=0.1)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_step_whose_scaled_gradients_overflow_is_left_out() -> None:
    precision = Precision(CPU, "float16")
    precision.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    _, model = train(precision, 1)
    before = tiny_t5(64)
    for left, right in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(left, right)
    assert precision.scaler.get_scale() == 2.0**39


def test_auto_on_a_cpu_is_float32() -> None:
    assert choose_precision("auto", CPU).name == "float32"
    assert not choose_precision("auto", CPU).scaler.is_enabled()


@pytest.mark.filterwarnings("ignore:torch.cuda.amp.GradScaler is enabled")  # here is no GPU
@pytest.mark.parametrize(("has", "chosen"), [(True, "bfloat16"), (False, "float16")])
def test_auto_on_a_gpu(monkeypatch: pytest.MonkeyPatch, has: bool, chosen: str) -> None:
    monkeypatch.setattr(module, "_has_bfloat16", lambda device: has)
    assert choose_precision("auto", torch.device("cuda")).name == chosen


def choose_on_unlike_gpus(rank: int) -> None:
    """Of two workers, only the first has bfloat16."""
    module._has_bfloat16 = lambda device: rank == 0
    assert choose_precision("auto", torch.device("cuda")).name == "float16"
    with pytest.raises(TrainingError, match="by this GPU, or by another worker's"):
        choose_precision("bfloat16", torch.device("cuda"))


def test_workers_on_unlike_gpus_choose_the_same() -> None:
    together(choose_on_unlike_gpus, 2)


def test_what_the_hardware_would_emulate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_has_bfloat16", lambda device: False)
    with pytest.raises(TrainingError, match="'bfloat16' is not supported by this CPU"):
        choose_precision("bfloat16", CPU)
    with pytest.raises(TrainingError, match="'float16' needs a GPU"):
        choose_precision("float16", CPU)


def test_recomputed_activations_give_the_same_gradients() -> None:
    made = batch()

    def gradients(recompute: bool) -> list[torch.Tensor | None]:
        model = tiny_t5(64)
        if recompute:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            assert model.is_gradient_checkpointing
        train_step(
            model.train(),
            ScaledAdamW(model, weight_decay=0.0),
            [made],
            precision=Precision(CPU),
            rate=0.0,
            target_tokens=made.target_tokens,
            smoothing=0.0,
            clip_norm=1e9,
        )
        assert validate(model, [made], Precision(CPU)) > 0
        return [parameter.grad for parameter in model.parameters()]

    for left, right in zip(gradients(True), gradients(False), strict=True):
        assert left is not None
        assert right is not None
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize(("flags", "has"), [({"avx512_bf16": True}, True), ({"avx2": True}, False)])
def test_bfloat16_of_a_cpu(monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], has: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    if has:
        assert choose_precision("bfloat16", CPU).name == "bfloat16"
    else:
        with pytest.raises(TrainingError):
            choose_precision("bfloat16", CPU)
