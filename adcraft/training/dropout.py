"""Dropout for CPUs: the same random variable, drawn faster.

torch fills a mask on a CPU one Bernoulli draw at a time, a noticeable part of a small T5's step. Here one
draw of 64 random bits decides about four elements.
"""

from __future__ import annotations

from typing import Any

import torch

_LEVELS = 1 << 16
_ATTENTION = "adcraft_quick_dropout"


class QuickDropout(torch.nn.Dropout):
    """``torch.nn.Dropout``, where an element is dropped if its 16 random bits are below the probability.

    The probability is rounded to a multiple of 2^-16, and what is kept is scaled by exactly its inverse. Bits
    come from torch's own generator, so seeds and recomputed activations work as ever.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 # torch's name
        """See ``torch.nn.Dropout``."""
        return _drop(input, self.p) if self.training else input


def quicken_dropout(model: Any, device: torch.device) -> None:
    """Put :class:`QuickDropout` in place of every ``torch.nn.Dropout`` of a transformers model, and its way
    of dropping into the attention. Where it will not train on a CPU nothing is changed.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    if device.type != "cpu":
        return
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Dropout:
                setattr(parent, name, QuickDropout(child.p))
    AttentionInterface.register(_ATTENTION, _attention)
    AttentionMaskInterface.register(_ATTENTION, eager_mask)
    model.set_attn_implementation(_ATTENTION)


def _drop(values: torch.Tensor, probability: float) -> torch.Tensor:
    dropped = round(probability * _LEVELS)
    if not 0 < dropped < _LEVELS:
        return torch.nn.functional.dropout(values, probability)
    draws = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
    bits = draws.view(torch.int16)[: values.numel()].view(values.shape)
    kept = (bits >= dropped - _LEVELS // 2).to(values.dtype)
    return values * kept.mul_(_LEVELS / (_LEVELS - dropped))


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float = 1.0,
    dropout: float = 0.0,
    position_bias: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What transformers computes as ``eager``, with our dropout; each B x heads x positions x head size."""
    scores = query @ key.transpose(2, 3)
    if scaling != 1:
        scores = scores * scaling
    for added in (position_bias, attention_mask):
        if added is not None:
            scores = scores + added
    weights = scores.softmax(dim=-1)
    if module.training:
        weights = _drop(weights, dropout)
    return (weights @ value).transpose(1, 2).contiguous(), weights
