"""Packed examples are computed as they would be alone."""

from __future__ import annotations

import pytest
import torch
from transformers import T5ForConditionalGeneration

from adcraft.training.batches import Line, Row, collate
from adcraft.training.masks import attention_masks
from adcraft.training.precision import Precision
from adcraft.training.steps import loss_sum
from tests.unit.training.conftest import enliven, tiny_t5

CPU = Precision(torch.device("cpu"))
EXAMPLES = [
    Row([5, 6, 7, 1], [8, 9, 1]),
    Row([10, 1], [11, 12, 13, 14, 1]),
    Row([15, 16, 17, 18, 19, 1], [20, 1]),
    Row([21, 22, 1], [1]),
]
APART = [[row] for row in EXAMPLES]
PACKINGS = [
    [EXAMPLES],
    [EXAMPLES[:2], EXAMPLES[2:]],
    [EXAMPLES[:3], EXAMPLES[3:]],
    [EXAMPLES[::-1]],
]


def loss_and_gradients(lines: list[Line]) -> tuple[float, list[torch.Tensor]]:
    model = enliven(tiny_t5(64)).train().double()
    loss = loss_sum(model, collate(lines, 0), CPU, 0.1)
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    return loss.item(), [gradient for gradient in gradients if gradient is not None]


@pytest.mark.parametrize("lines", PACKINGS)
def test_loss_and_gradient_do_not_depend_on_the_packing(lines: list[Line]) -> None:
    expected_loss, expected = loss_and_gradients(APART)
    loss, found = loss_and_gradients(lines)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert len(found) == len(expected)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


def test_one_example_is_what_transformers_computes() -> None:
    model = enliven(tiny_t5(64)).train()
    row = EXAMPLES[0]
    ids, labels = torch.tensor([row.source]), torch.tensor([row.target])
    theirs = model(input_ids=ids, labels=labels).loss.item() * len(row.target)
    packed = loss_sum(model, collate([EXAMPLES], 0), CPU, 0.0).item()
    others = loss_sum(model, collate([EXAMPLES[1:]], 0), CPU, 0.0).item()
    assert packed - others == pytest.approx(theirs, rel=1e-4)


def test_a_change_in_one_example_changes_no_other() -> None:
    model = enliven(tiny_t5(64))
    first, second, *_ = EXAMPLES
    changed = Row([30, 31, 32, 1], [33, 34, 1])

    def second_logits(line: Line) -> torch.Tensor:
        batch = collate([line], 0)
        encoder, decoder = attention_masks(batch, CPU.device)
        logits = model(
            input_ids=batch.input_ids,
            attention_mask=encoder,
            decoder_input_ids=batch.decoder_input_ids,
            decoder_attention_mask=decoder,
        ).logits
        assert isinstance(logits, torch.Tensor)
        return logits[batch.target_segments == 2]

    with torch.no_grad():
        torch.testing.assert_close(second_logits([first, second]), second_logits([changed, second]))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_masks_hide_without_an_infinity_in_every_precision(kind: torch.dtype) -> None:
    encoder, decoder = attention_masks(collate([EXAMPLES[:2], EXAMPLES[3:]], 0), CPU.device)
    for mask in (encoder, decoder):
        assert torch.isfinite(mask.to(kind)).all()
        assert set((mask.to(kind).float() < -1000).flatten().tolist()) == {True, False}
    assert decoder.shape == (2, 1, 8, 8 + 6)


def test_masks_of_two_dimensions_work_as_before() -> None:
    plain = T5ForConditionalGeneration(tiny_t5(64).config).eval()
    hooked = tiny_t5(64)
    plain.load_state_dict(hooked.state_dict())
    ids = torch.tensor([[5, 6, 1], [7, 1, 0]])
    arguments = {"input_ids": ids, "attention_mask": ids.ne(0).long(), "max_new_tokens": 6}
    assert hooked.generate(**arguments).tolist() == plain.generate(**arguments).tolist()
