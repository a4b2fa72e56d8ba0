"""Training steps: every target token weighs the same, however batches divide them."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch.nn import functional
from transformers import T5ForConditionalGeneration

from adcraft.training.batches import IGNORED, Batch, Row, collate
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.steps import generate_samples, loss_sum, train_step, validate
from tests.unit.training.conftest import enliven, tiny_t5

CPU = Precision(torch.device("cpu"))


def rows(count: int) -> list[Row]:
    rng = random.Random(1)
    return [
        Row(
            [*rng.choices(range(3, 60), k=rng.randint(1, 9)), 1],
            [*rng.choices(range(3, 60), k=rng.randint(1, 9)), 1],
        )
        for _ in range(count)
    ]


def batches(all_rows: list[Row], size: int) -> list[Batch]:
    """Of so many rows each, one in a line."""
    return [
        collate([[row] for row in all_rows[start : start + size]], 0)
        for start in range(0, len(all_rows), size)
    ]


def gradients(
    parts: list[Batch], *, target_tokens: int, clip_norm: float = 1e9, rate: float = 0.0
) -> tuple[list[torch.Tensor], float, float, T5ForConditionalGeneration]:
    model = tiny_t5(64).train()
    loss, norm = train_step(
        model,
        ScaledAdamW(model, weight_decay=0.0),
        parts,
        precision=CPU,
        rate=rate,
        target_tokens=target_tokens,
        smoothing=0.1,
        clip_norm=clip_norm,
    )
    found = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None for gradient in found)
    return [gradient for gradient in found if gradient is not None], loss, norm, model


@pytest.mark.parametrize("size", [1, 3, 5, 8])
def test_accumulated_batches_are_one_big_batch(size: int) -> None:
    data = rows(8)
    [big] = batches(data, 8)
    expected, expected_loss, expected_norm, _ = gradients([big], target_tokens=big.target_tokens)
    found, loss, norm, _ = gradients(batches(data, size), target_tokens=big.target_tokens)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert norm == pytest.approx(expected_norm, rel=1e-4)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-4)


def test_the_gradient_is_that_of_the_mean_loss_per_token() -> None:
    [big] = batches(rows(6), 6)
    found, loss, _, model = gradients([big], target_tokens=big.target_tokens)
    reference = tiny_t5(64).train()
    logits = reference(input_ids=big.input_ids, attention_mask=big.source_segments, labels=big.labels).logits
    mean = functional.cross_entropy(
        logits.flatten(0, 1), big.labels.flatten(), ignore_index=IGNORED, label_smoothing=0.1
    )
    mean.backward()
    assert loss == pytest.approx(mean.item() * big.target_tokens, rel=1e-5)
    for gradient, parameter in zip(found, reference.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, atol=1e-6, rtol=1e-4)
    assert model.training


def test_other_workers_tokens_count_too() -> None:
    [part] = batches(rows(4), 4)
    alone, *_ = gradients([part], target_tokens=part.target_tokens)
    among, *_ = gradients([part], target_tokens=4 * part.target_tokens)
    for left, right in zip(alone, among, strict=True):
        torch.testing.assert_close(left, right * 4, atol=1e-6, rtol=1e-4)


def test_a_large_gradient_is_clipped() -> None:
    [part] = batches(rows(4), 4)
    found, _, norm, _ = gradients([part], target_tokens=1, clip_norm=0.5)
    assert norm > 0.5
    clipped = math.sqrt(sum(float(gradient.square().sum()) for gradient in found))
    assert clipped == pytest.approx(0.5, rel=1e-3)


def test_a_worker_without_data_joins_with_nothing() -> None:
    """Else the others would wait for its gradients for ever."""
    found, loss, norm, _ = gradients([], target_tokens=50)
    assert loss == 0
    assert norm == 0
    assert not any(gradient.any() for gradient in found)
    assert all(torch.isfinite(gradient).all() for gradient in found)


def test_gradients_of_the_step_before_are_forgotten() -> None:
    model = tiny_t5(64).train()
    optimizer = ScaledAdamW(model, weight_decay=0.0)
    [part] = batches(rows(4), 4)
    norms = [
        train_step(
            model,
            optimizer,
            [part],
            precision=CPU,
            rate=0.0,
            target_tokens=part.target_tokens,
            smoothing=0.0,
            clip_norm=1e9,
        )[1]
        for _ in range(3)
    ]
    assert norms[1:] == pytest.approx([norms[0]] * 2, rel=1e-5)


def test_steps_lower_the_loss() -> None:
    model = tiny_t5(64).train()
    optimizer = ScaledAdamW(model, weight_decay=0.0)
    parts = batches(rows(8), 4)
    tokens = sum(part.target_tokens for part in parts)
    losses = [
        train_step(
            model,
            optimizer,
            parts,
            precision=CPU,
            rate=0.02,
            target_tokens=tokens,
            smoothing=0.0,
            clip_norm=1.0,
        )[0]
        for _ in range(30)
    ]
    assert losses[-1] < 0.7 * losses[0]


def test_padding_changes_no_loss() -> None:
    [short] = batches([Row([5, 6, 1], [7, 8, 1])], 1)
    model = tiny_t5(64)
    wide = collate([[Row([5, 6, 1], [7, 8, 1])], [Row([9] * 30, [9] * 30)]], 0)
    tensors = {name: value[:1] for name, value in vars(wide).items() if isinstance(value, torch.Tensor)}
    alone = Batch(**tensors, examples=1, target_tokens=3, tokens=6)
    left, right = (loss_sum(model, part, CPU, 0.0).item() for part in (short, alone))
    assert left == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_validation_is_the_mean_over_tokens_not_over_batches(size: int) -> None:
    model = tiny_t5(64).train()
    data = rows(8)
    [big] = batches(data, 8)
    expected = loss_sum(model, big, CPU, 0.0).item() / big.target_tokens
    assert validate(model, batches(data, size), CPU) == pytest.approx(expected, rel=1e-5)


def test_validation_drops_nothing_out_and_leaves_the_model_in_training() -> None:
    model = tiny_t5(64)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    model.train()
    parts = batches(rows(8), 4)
    assert validate(model, parts, CPU) == validate(model, parts, CPU)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_validation_of_nothing() -> None:
    assert validate(tiny_t5(64), [], CPU) == 0.0


def test_samples_are_what_each_source_alone_gives() -> None:
    model = enliven(tiny_t5(64)).train()
    sources = [row.source for row in rows(6)]
    together = generate_samples(model, sources, CPU, 12)
    alone = [generate_samples(model, [source], CPU, 12)[0] for source in sources]
    trimmed = [[[token for token in ids if token] for ids in side] for side in (together, alone)]
    assert trimmed[0] == trimmed[1]
    assert all(0 < len(ids) <= 12 for ids in together)
    assert model.training
    assert generate_samples(model, [], CPU, 12) == []
