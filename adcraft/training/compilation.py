"""``torch.compile`` for the training step (Ansel et al., "PyTorch 2", ASPLOS 2024)."""

from __future__ import annotations

import os
import shutil
from typing import cast

import torch

from adcraft.errors import TrainingError

_COMPILER = "g++"


def compiled(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """A model that computes the same, by generated code for batches of any shape.

    Raises:
        TrainingError: there is no compiler for that code.
    """
    compiler = os.environ.get("CXX", _COMPILER)
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise TrainingError(
            f"train.compile = true needs a C++ compiler where it trains, and there is no {compiler} on this "
            "node. Install one, or set train.compile=false."
        )
    return cast("torch.nn.Module", torch.compile(model, dynamic=True))


def plain(model: torch.nn.Module) -> torch.nn.Module:
    """The model that :func:`compiled` was given; any other as it is."""
    return cast("torch.nn.Module", getattr(model, "_orig_mod", model))
