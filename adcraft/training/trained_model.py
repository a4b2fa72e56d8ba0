"""The model that a worker trains, before workers share it and before it is compiled."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from adcraft.training.adapters import add_adapters
from adcraft.training.base_model import load_model
from adcraft.training.dropout import quicken_dropout
from adcraft.training.masks import keep_examples_apart
from adcraft.training.plan import TrainingPlan


def trained_model(plan: TrainingPlan, device: torch.device) -> T5ForConditionalGeneration:
    """The plan's base as it is trained: on packed examples, with adapters if there are any."""
    model = load_model(Path(plan.base), plan.pretrained, plan.seed)
    if not plan.compile:  # the compiler draws masks itself, and would stop at each of ours
        quicken_dropout(model, device)
    keep_examples_apart(model)
    if plan.adapters:
        add_adapters(model, plan.adapters, plan.seed)
    if plan.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    model.train()
    return model
