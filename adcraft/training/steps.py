"""The three small functions of training: one optimizer step, one pass over validation, samples."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from adcraft.training.batches import IGNORED, Batch, Row, collate
from adcraft.training.compilation import plain
from adcraft.training.masks import attention_masks
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.sharding import gathered


def loss_sum(model: torch.nn.Module, batch: Batch, precision: Precision, smoothing: float) -> torch.Tensor:
    """Cross-entropy summed (not averaged) over the batch's target tokens.

    The model is one of :func:`adcraft.training.masks.keep_examples_apart`.
    """
    device = precision.device
    encoder_mask, decoder_mask = attention_masks(batch, device)
    with precision.autocast():
        logits = model(
            input_ids=batch.input_ids.to(device),
            attention_mask=encoder_mask,
            decoder_input_ids=batch.decoder_input_ids.to(device),
            decoder_attention_mask=decoder_mask,
            use_cache=False,
        ).logits
    return functional.cross_entropy(
        logits.flatten(0, 1).float(),
        batch.labels.to(device).flatten(),
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=smoothing,
    )


def train_step(
    model: torch.nn.Module,
    optimizer: ScaledAdamW,
    batches: Sequence[Batch],
    *,
    precision: Precision,
    rate: float,
    target_tokens: int,
    smoothing: float,
    clip_norm: float,
    passes: int = 1,
) -> tuple[float, float]:
    """One optimizer step on this worker's share of a global batch.

    Every target token of the global batch weighs the same, however workers and accumulated batches
    divide them.

    Args:
        precision: in what numbers; a step whose scaled gradients overflowed is left out.
        rate: the learning rate.
        batches: this worker's; may be empty where its data ran out before the others'.
        target_tokens: of the global batch, over all workers.
        passes: forward passes that each worker makes; where it has fewer batches, some are of nothing.

    Returns:
        This worker's summed loss, and the norm of the gradient before clipping.
    """
    optimizer.zero_grad()
    world = dist.get_world_size() if dist.is_initialized() else 1
    scale = world / max(1, target_tokens)  # DDP and FSDP average gradients over workers
    total = 0.0
    replicas = plain(model)
    work = [*batches, *[_nothing()] * (max(1, passes) - len(batches))]
    for index, batch in enumerate(work):
        last = index == len(work) - 1
        ddp = replicas if isinstance(replicas, DistributedDataParallel) else None
        silent = ddp.no_sync() if ddp and not last else contextlib.nullcontext()
        with silent:
            loss = loss_sum(model, batch, precision, smoothing)
            precision.scaler.scale(loss * (scale if batch.target_tokens else 0.0)).backward()
        total += loss.item() if batch.target_tokens else 0.0
    precision.scaler.unscale_(optimizer.adamw)
    norm = gathered(torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm))
    optimizer.set_rates(rate)
    precision.step(optimizer.adamw)
    return total, float(norm)


@torch.no_grad()
def validate(model: torch.nn.Module, batches: Iterable[Batch], precision: Precision) -> float:
    """Loss per target token over all workers' validation rows, without label smoothing."""
    model.eval()
    core = unwrapped(model)
    total = torch.zeros(2, dtype=torch.float64)
    for batch in _together(batches):
        total += torch.tensor([loss_sum(core, batch, precision, 0.0).item(), batch.target_tokens])
    model.train()
    summed = all_reduce(total)
    return float(summed[0] / summed[1].clamp(min=1))


@torch.no_grad()
def generate_samples(
    model: torch.nn.Module, sources: Sequence[Sequence[int]], precision: Precision, target_tokens: int
) -> list[list[int]]:
    """Greedy outputs for a few sources, as ids without the start token."""
    if not sources:
        return []
    core: Any = unwrapped(model)
    batch = collate([[Row(source, ())] for source in sources], core.config.pad_token_id)
    core.eval()
    with precision.autocast():
        outputs = core.generate(
            input_ids=batch.input_ids.to(precision.device),
            attention_mask=batch.source_segments.to(precision.device),
            max_new_tokens=target_tokens,
            do_sample=False,
        )
    core.train()
    return [ids[1:] for ids in outputs.tolist()]


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The model itself, without DistributedDataParallel or compiled code around it."""
    inner = plain(model)
    return inner.module if isinstance(inner, DistributedDataParallel) else inner


def all_reduce(values: torch.Tensor) -> torch.Tensor:
    """Sum over all workers."""
    if dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(values)
    return values


def _together(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches, then batches of nothing until all workers' are over: they may have to run a model together."""
    mine = iter(batches)
    while True:
        batch = next(mine, None)
        if not all_reduce(torch.tensor([float(batch is not None)]))[0]:
            return
        yield batch or _nothing()


def _nothing() -> Batch:
    """A batch without a counted token: it lets a worker without data join the others' step."""
    one = torch.ones((1, 1), dtype=torch.int64)
    return Batch(one, one, one, torch.full((1, 1), IGNORED), one, examples=0, target_tokens=0, tokens=0)
