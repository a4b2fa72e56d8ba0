"""The three small functions of training: one optimizer step, one pass over validation, samples."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from adcraft.training.batches import IGNORED, Batch, Row, collate
from adcraft.training.optimizer import ScaledAdamW


def loss_sum(model: torch.nn.Module, batch: Batch, device: torch.device, smoothing: float) -> torch.Tensor:
    """Cross-entropy summed (not averaged) over the batch's target tokens."""
    labels = batch.labels.to(device)
    core: Any = unwrapped(model)
    logits = model(
        input_ids=batch.input_ids.to(device),
        attention_mask=batch.attention_mask.to(device),
        # Given labels, it would compute a loss of its own as well.
        decoder_input_ids=core.prepare_decoder_input_ids_from_labels(labels),
        use_cache=False,
    ).logits
    return functional.cross_entropy(
        logits.flatten(0, 1).float(),
        labels.flatten(),
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=smoothing,
    )


def train_step(
    model: torch.nn.Module,
    optimizer: ScaledAdamW,
    batches: Sequence[Batch],
    *,
    device: torch.device,
    rate: float,
    target_tokens: int,
    smoothing: float,
    clip_norm: float,
) -> tuple[float, float]:
    """One optimizer step on this worker's share of a global batch.

    Every target token of the global batch weighs the same, however workers and accumulated batches
    divide them.

    Args:
        rate: the learning rate.
        batches: this worker's; may be empty where its data ran out before the others'.
        target_tokens: of the global batch, over all workers.

    Returns:
        This worker's summed loss, and the norm of the gradient before clipping.
    """
    optimizer.zero_grad()
    world = dist.get_world_size() if dist.is_initialized() else 1
    scale = world / max(1, target_tokens)  # DDP averages gradients over workers
    total = 0.0
    work = list(batches) or [_nothing()]
    for index, batch in enumerate(work):
        last = index == len(work) - 1
        ddp = model if isinstance(model, DistributedDataParallel) else None
        silent = ddp.no_sync() if ddp and not last else contextlib.nullcontext()
        with silent:
            loss = loss_sum(model, batch, device, smoothing)
            (loss * (scale if batch.target_tokens else 0.0)).backward()
        total += loss.item() if batch.target_tokens else 0.0
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step(rate)
    return total, float(norm)


@torch.no_grad()
def validate(model: torch.nn.Module, batches: Iterable[Batch], device: torch.device) -> float:
    """Loss per target token over all workers' validation rows, without label smoothing."""
    model.eval()
    core = unwrapped(model)
    total = torch.zeros(2, dtype=torch.float64)
    for batch in batches:
        total += torch.tensor([loss_sum(core, batch, device, 0.0).item(), batch.target_tokens])
    model.train()
    summed = all_reduce(total)
    return float(summed[0] / summed[1].clamp(min=1))


@torch.no_grad()
def generate_samples(
    model: torch.nn.Module, sources: Sequence[Sequence[int]], device: torch.device, target_tokens: int
) -> list[list[int]]:
    """Greedy outputs for a few sources, as ids without the start token."""
    if not sources:
        return []
    core: Any = unwrapped(model)
    batch = collate([Row(source, ()) for source in sources], core.config.pad_token_id)
    core.eval()
    outputs = core.generate(
        input_ids=batch.input_ids.to(device),
        attention_mask=batch.attention_mask.to(device),
        max_new_tokens=target_tokens,
        do_sample=False,
    )
    core.train()
    return [ids[1:] for ids in outputs.tolist()]


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The model itself, without DistributedDataParallel around it."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def all_reduce(values: torch.Tensor) -> torch.Tensor:
    """Sum over all workers."""
    if dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(values)
    return values


def _nothing() -> Batch:
    """A batch without a counted token: it lets a worker without data join the others' step."""
    one = torch.ones((1, 1), dtype=torch.int64)
    return Batch(one, one, torch.full((1, 1), IGNORED), target_tokens=0, tokens=0)
