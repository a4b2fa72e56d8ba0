"""AdamW at a rate relative to each parameter's own size."""

from __future__ import annotations

import pytest
import torch

from adcraft.training.optimizer import ScaledAdamW


class Parameters(torch.nn.Module):
    def __init__(self, *sizes: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.all = torch.nn.ParameterList([*(torch.randn(8, 8) * size for size in sizes), torch.ones(8)])


def moved(
    model: Parameters, rate: float, *, weight_decay: float = 0.0, gradient: float = 1.0
) -> list[torch.Tensor]:
    """How far each parameter goes in one step."""
    optimizer = ScaledAdamW(model, weight_decay=weight_decay)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.set_rates(rate)
    optimizer.adamw.step()
    return [old - new.detach() for old, new in zip(before, model.parameters(), strict=True)]


def test_a_step_is_relative_to_the_size() -> None:
    model = Parameters(1.0, 0.01)
    sizes = [float(parameter.detach().square().mean().sqrt()) for parameter in model.parameters()]
    for step, size in zip(moved(model, 0.1), sizes, strict=True):
        # Adam's first step is the rate itself, whatever the gradient.
        torch.testing.assert_close(step, torch.full_like(step, 0.1 * size), rtol=1e-4, atol=0)


def test_a_matrix_of_zeros_can_move() -> None:
    step, *_ = moved(Parameters(0.0), 0.1)
    torch.testing.assert_close(step, torch.full_like(step, 0.1 * 1e-3), rtol=1e-4, atol=0)


def test_norms_are_not_decayed_and_matrices_are() -> None:
    model = Parameters(1.0)
    size = float(model.all[0].detach().square().mean().sqrt())
    before = model.all[0].detach().clone()
    matrix, norm = moved(model, 0.1, weight_decay=0.5, gradient=0.0)
    torch.testing.assert_close(matrix, before * 0.1 * size * 0.5)
    assert not norm.any()


def test_at_no_rate_nothing_moves() -> None:
    assert not any(step.any() for step in moved(Parameters(1.0), 0.0, weight_decay=0.5))


def test_the_size_is_measured_again_now_and_then() -> None:
    model = Parameters(1.0)
    optimizer = ScaledAdamW(model, weight_decay=0.0)
    scales = []
    for step in range(45):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        with torch.no_grad():
            model.all[0].fill_(float(step + 1))
        optimizer.set_rates(0.0)
        optimizer.adamw.step()
        scales.append(optimizer.adamw.param_groups[0]["scale"])
    assert scales == pytest.approx([1.0] * 20 + [21.0] * 20 + [41.0] * 5)


def test_zero_grad_forgets() -> None:
    model = Parameters(1.0)
    optimizer = ScaledAdamW(model, weight_decay=0.0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_each_parameter_is_held_once_although_t5_shares_one() -> None:
    model = torch.nn.Module()
    model.one = torch.nn.Linear(4, 4, bias=False)
    model.two = torch.nn.Linear(4, 4, bias=False)
    model.two.weight = model.one.weight
    assert len(ScaledAdamW(model, weight_decay=0.1).adamw.param_groups) == 1
