"""torch.compile: the same losses, and a sentence where there is no compiler."""

from __future__ import annotations

import pytest
import torch

from adcraft.errors import TrainingError
from adcraft.training.compilation import compiled, plain
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.steps import generate_samples, train_step
from tests.unit.training.conftest import tiny_t5
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


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_compiled_steps_are_the_same_steps() -> None:
    """For batches of several shapes. Generating is not compiled: each length would be another shape."""
    losses = []
    for wrap in (lambda model: model, lambda model: compiled(model, CPU)):
        core = tiny_t5(64).train()
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
