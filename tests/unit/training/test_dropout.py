from typing import Any

import pytest
import torch

from adcraft.training.batches import Row, collate
from adcraft.training.dropout import QuickDropout, quicken_dropout
from adcraft.training.precision import Precision
from adcraft.training.steps import generate_samples, loss_sum
from tests.unit.training.conftest import enliven, tiny_t5

CPU = Precision(torch.device("cpu"))
LINES = [
    [Row([5, 6, 7, 1], [8, 9, 1]), Row([10, 1], [11, 12, 1])],
    [Row([13, 14, 15, 16, 17, 1], [18, 1])],
]


def test_keeps_the_right_share_and_the_mean():
    torch.manual_seed(0)
    ones = torch.ones(1000, 1001)  # no multiple of four
    out = QuickDropout(0.1)(ones)
    assert out.unique().tolist() == pytest.approx([0.0, 1 / 0.9], rel=1e-4)
    assert (out == 0).double().mean().item() == pytest.approx(0.1, abs=0.001)
    assert out.double().mean().item() == pytest.approx(1, abs=0.001)


def test_neighbours_and_positions_are_independent():
    """Four elements share a draw of 64 bits."""
    torch.manual_seed(1)
    dropped = (QuickDropout(0.5)(torch.ones(100_000, 4)) == 0).double()
    assert (dropped.T.corrcoef() - torch.eye(4)).abs().max().item() < 0.02
    assert dropped.mean(dim=0).sub(0.5).abs().max().item() < 0.01


def test_the_gradient_goes_where_the_value_went():
    torch.manual_seed(2)
    value = torch.randn(64, 64, requires_grad=True)
    out = QuickDropout(0.3)(value)
    out.sum().backward()
    assert value.grad is not None
    assert torch.equal(value.grad, torch.where(out == 0, 0.0, value.grad.max()))
    assert torch.allclose(out, value * value.grad)


def test_the_same_seed_gives_the_same_mask():
    ones = torch.ones(3, 5)
    torch.manual_seed(3)
    first, second = QuickDropout(0.5)(ones), QuickDropout(0.5)(ones)
    torch.manual_seed(3)
    assert torch.equal(first, QuickDropout(0.5)(ones))
    assert torch.equal(second, QuickDropout(0.5)(ones))


@pytest.mark.parametrize(("probability", "value"), [(0.0, 1.0), (1e-6, 1.0), (1.0, 0.0)])
def test_takes_both_ends_and_what_rounds_to_them(probability, value):
    torch.manual_seed(4)
    assert QuickDropout(probability)(torch.ones(1000)).tolist() == pytest.approx([value] * 1000, rel=1e-5)


def test_does_nothing_when_not_training_and_keeps_the_type():
    value = torch.randn(8, dtype=torch.bfloat16)
    assert QuickDropout(0.5).eval()(value) is value
    assert QuickDropout(0.5)(value).dtype == torch.bfloat16


def quickened(dropout: float) -> Any:
    """The tiny T5 of :func:`plain` with our dropout."""
    model = plain(dropout)
    quicken_dropout(model, torch.device("cpu"))
    return model


def plain(dropout: float) -> Any:
    model = enliven(tiny_t5(64))
    module: Any
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = dropout
    return model.train()


def test_takes_the_place_of_every_dropout_of_a_model():
    model = quickened(0.2)
    found = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert len(found) > 10
    assert {(type(module), module.p) for module in found} == {(QuickDropout, 0.2)}
    assert list(model.state_dict()) == list(plain(0.2).state_dict())


def test_a_model_that_does_not_train_on_a_cpu_stays_as_it_is():
    model = plain(0.2)
    attention = model.config._attn_implementation
    quicken_dropout(model, torch.device("cuda"))
    assert not any(isinstance(module, QuickDropout) for module in model.modules())
    assert model.config._attn_implementation == attention


@pytest.mark.parametrize("lines", [LINES, [[row] for line in LINES for row in line]])
def test_without_dropout_the_attention_is_that_of_transformers(lines):
    batch = collate(lines, 0)
    found = []
    for model in (plain(0.0), quickened(0.0)):
        loss = loss_sum(model.double(), batch, CPU, 0.0)
        loss.backward()
        found.append([loss.detach().double(), *(parameter.grad for parameter in model.parameters())])
    for left, right in zip(*found, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


def test_samples_are_those_of_transformers():
    sources = [[5, 6, 7, 1], [8, 1]]
    one, other = (generate_samples(model, sources, CPU, 8) for model in (plain(0.2), quickened(0.2)))
    assert one == other


def test_the_attention_drops_as_much_as_that_of_transformers():
    """Only in the attention, so that nothing else makes losses differ from draw to draw."""
    batch = collate(LINES, 0)
    spread = []
    for model in (plain(0.3), quickened(0.3)):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        torch.manual_seed(5)
        with torch.no_grad():
            losses = torch.tensor([loss_sum(model, batch, CPU, 0.0).item() for _ in range(300)])
        spread.append((losses.mean().item(), losses.std().item()))
    (mean, deviation), (our_mean, our_deviation) = spread
    assert deviation > 0
    assert our_deviation == pytest.approx(deviation, rel=0.25)
    assert our_mean == pytest.approx(mean, abs=0.3 * deviation)
