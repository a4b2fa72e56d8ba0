"""AdamW whose step is relative to each matrix's own size, as T5 wants it.

T5's matrices start at very different scales (embedding rows at 1, query weights at 0.008), so one
absolute learning rate is too small for some and too large for others. Adafactor multiplies each
parameter's rate by its root mean square (Shazeer and Stern, 2018); nanoT5 (Nawrot, 2023) found the
same scaling with AdamW's moments to train T5 best. This is the latter, over torch's fused AdamW.
Weights whose own size says nothing, such as adapters that start at zero, are given one to step by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from adcraft.training.sharding import gathered

_LEAST_SCALE = 1e-3
_RESCALE_STEPS = 20


class ScaledAdamW:
    """Sets each parameter's rate before a step of the AdamW that it holds.

    Attributes:
        adamw: has all the state, to save and load.
    """

    def __init__(
        self, model: torch.nn.Module, *, weight_decay: float, sizes: Mapping[str, float] | None = None
    ) -> None:
        """Norms and biases are not decayed; what is frozen is left out.

        Args:
            model: its parameters may be shards.
            weight_decay: of AdamW, at each parameter's own rate.
            sizes: by parameter name, of those that are not measured.
        """
        given = sizes or {}
        self.adamw = torch.optim.AdamW(
            [
                {
                    "params": [p],
                    "weight_decay": weight_decay if p.ndim > 1 else 0.0,
                    "scale": given.get(name, 0.0),
                    "measured": name not in given,
                    "steps": 0,
                }
                for name, p in model.named_parameters()
                if p.requires_grad
            ],
            betas=(0.9, 0.98),
            fused=True,
        )

    def set_rates(self, rate: float) -> None:
        """Before each step of ``adamw``: ``rate`` times each parameter's root mean square."""
        for group in self.adamw.param_groups:
            if group["measured"] and group["steps"] % _RESCALE_STEPS == 0:
                (parameter,) = group["params"]
                norm = gathered(torch.linalg.vector_norm(parameter.detach().float()))
                group["scale"] = max(_LEAST_SCALE, float(norm) / math.sqrt(parameter.numel()))
            group["lr"] = rate * group["scale"]
            group["steps"] += 1

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.adamw.zero_grad(set_to_none=True)
