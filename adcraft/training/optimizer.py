"""AdamW whose step is relative to each matrix's own size, as T5 wants it.

T5's matrices start at very different scales (embedding rows at 1, query weights at 0.008), so one
absolute learning rate is too small for some and too large for others. Adafactor multiplies each
parameter's rate by its root mean square (Shazeer and Stern, 2018); nanoT5 (Nawrot, 2023) found the
same scaling with AdamW's moments to train T5 best. This is the latter, over torch's fused AdamW.
"""

from __future__ import annotations

import torch

_LEAST_SCALE = 1e-3
_RESCALE_STEPS = 20


class ScaledAdamW:
    """Sets each parameter's rate before a step of the AdamW that it holds.

    Attributes:
        adamw: has all the state, to save and load.
    """

    def __init__(self, model: torch.nn.Module, *, weight_decay: float) -> None:
        """Norms and biases are not decayed."""
        self.adamw = torch.optim.AdamW(
            [
                {"params": [p], "weight_decay": weight_decay if p.ndim > 1 else 0.0, "scale": 0.0, "steps": 0}
                for p in model.parameters()
            ],
            betas=(0.9, 0.98),
            fused=True,
        )

    def step(self, rate: float) -> None:
        """One step at ``rate`` times each parameter's root mean square."""
        for group in self.adamw.param_groups:
            if group["steps"] % _RESCALE_STEPS == 0:
                (parameter,) = group["params"]
                size = float(parameter.detach().float().square().mean().sqrt())
                group["scale"] = max(_LEAST_SCALE, size)
            group["lr"] = rate * group["scale"]
            group["steps"] += 1
        self.adamw.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.adamw.zero_grad(set_to_none=True)
