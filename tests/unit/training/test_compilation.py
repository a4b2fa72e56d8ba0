"""torch.compile: the same losses, one graph, and a sentence where there is no compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adcraft.errors import TrainingError
from adcraft.settings import ScratchSettings
from adcraft.training.base_model import scratch_config
from adcraft.training.compilation import compiled, plain
from adcraft.training.dropout import QuickDropout
from adcraft.training.masks import attention_masks
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.steps import generate_samples, train_step
from adcraft.training.trained_model import trained_model
from tests.unit.training.conftest import tiny_t5
from tests.unit.training.test_plan import plan
from tests.unit.training.test_steps import batches, rows

CPU = torch.device("cpu")


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(TrainingError, match=r"there is no no-such-compiler on this node\."):
        compiled(tiny_t5(64), CPU)


def test_what_is_compiled_is_still_at_hand() -> None:
    model = tiny_t5(64)
    assert plain(compiled(model, CPU)) is model
    assert plain(model) is model


def worker_model(folder: Path, *, compile_it: bool) -> Any:
    """As a worker makes it, of one layer and with the usual dropout."""
    shape = ScratchSettings(d_model=32, d_ff=32, heads=2, layers=1)
    scratch_config(shape, 64).save_pretrained(folder)
    return trained_model(replace(plan(), base=str(folder), compile=compile_it), CPU)


@pytest.mark.parametrize("compile_it", [True, False])
def test_only_what_is_not_compiled_drops_by_our_bits(tmp_path: Path, compile_it: bool) -> None:
    model = worker_model(tmp_path, compile_it=compile_it)
    kinds = {(type(module), module.p) for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    assert kinds == {(torch.nn.Dropout if compile_it else QuickDropout, 0.1)}


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_a_step_with_dropout_is_one_graph(tmp_path: Path) -> None:
    """Where it breaks, code is generated for each piece, and nothing is won between them."""
    model = worker_model(tmp_path, compile_it=True)
    (part,) = batches(rows(4), 4)
    encoder_mask, decoder_mask = attention_masks(part, CPU)
    found = torch._dynamo.explain(model)(
        input_ids=part.input_ids,
        attention_mask=encoder_mask,
        decoder_input_ids=part.decoder_input_ids,
        decoder_attention_mask=decoder_mask,
        use_cache=False,
    )
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_compiled_steps_are_the_same_steps() -> None:
    """For batches of several shapes. Generating is not compiled: each length would be another shape."""
    losses = []
    for wrap in (lambda model: model, lambda model: compiled(model, CPU)):
        core = tiny_t5(64, layers=1).train()
        model, optimizer = wrap(core), ScaledAdamW(core, weight_decay=0.01)
        losses.append(
            [
                train_step(
                    model,
                    optimizer,
                    [part],
                    precision=Precision(CPU),
                    rate=0.002,
                    target_tokens=part.target_tokens,
                    smoothing=0.1,
                    clip_norm=1.0,
                )[0]
                for part in batches(rows(16), 3)
            ]
        )
        assert generate_samples(model, [[5, 6, 1]], Precision(CPU), 6)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
