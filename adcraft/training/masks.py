"""Attention masks that keep the examples of a packed line apart.

T5's positions are differences, so an example in the middle of a line is computed as it would be alone.
"""

from __future__ import annotations

from typing import Any

import torch

from adcraft.training.batches import Batch

_MASKED = -1e4
"""Added to the score of what is not to be seen: nothing is left of it after the softmax. It is finite in all
precisions, so that padding, which sees nothing, is no NaN."""


def attention_masks(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """What each position may see, as T5 adds it to its scores: 0, or much less.

    Args:
        batch: of B lines of S source and T target tokens.
        device: to compute on.

    Returns:
        float32, B x 1 x S x S for the encoder; and B x 1 x T x (T + S) for the decoder: its own T positions,
        then the encoder's.
    """
    source, target = batch.source_segments.to(device), batch.target_segments.to(device)
    own = (target[:, :, None] == target[:, None, :]).tril()
    crossing = target[:, :, None] == source[:, None, :]
    return _additive(source[:, :, None] == source[:, None, :]), _additive(torch.cat([own, crossing], dim=2))


def keep_examples_apart(model: Any) -> None:
    """Let a T5 take what :func:`attention_masks` gives as ``attention_mask`` and ``decoder_attention_mask``.

    Its own forward shows the decoder what the encoder sees of itself; there is no argument for another mask.
    Masks of two dimensions work as before.
    """
    model.decoder.register_forward_pre_hook(_split, with_kwargs=True)


def _split(_: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    mask = kwargs.get("attention_mask")
    if mask is None or mask.dim() != 4:
        return args, kwargs
    own = mask.shape[2]
    split = {"attention_mask": mask[..., :own], "encoder_attention_mask": mask[..., own:]}
    return args, {**kwargs, **split}


def _additive(seen: torch.Tensor) -> torch.Tensor:
    return torch.where(seen, 0.0, _MASKED)[:, None]
