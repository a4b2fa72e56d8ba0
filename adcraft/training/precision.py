"""In what numbers a worker computes: what its hardware supports, and what a step in mixed precision needs.

Weights, optimizer and loss stay in float32; the forward pass computes in the smaller type by autocast, and
float16, whose gradients vanish below 6e-8, has its loss scaled (Micikevicius et al., "Mixed Precision
Training", ICLR 2018).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist

from adcraft.errors import TrainingError

_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16", "arm_bf16")
_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Precision:
    """Where and in what numbers a model computes.

    Attributes:
        device: of the model and its batches.
        name: ``float32``, ``bfloat16`` or ``float16``.
        sharded: the model is, and gathers its weights in ``gathered_type``, so autocast has nothing to do.
        scaler: of the loss; does nothing but for ``float16``.
    """

    device: torch.device
    name: str = "float32"
    sharded: bool = False
    scaler: torch.amp.GradScaler = field(init=False)

    def __post_init__(self) -> None:
        """Make the scaler."""
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.name == "float16")

    def autocast(self) -> AbstractContextManager[None]:
        """The context of a forward pass."""
        return torch.autocast(
            self.device.type,
            dtype=_TYPES.get(self.name, torch.bfloat16),
            enabled=self.name in _TYPES and not self.sharded,
        )

    @property
    def gathered_type(self) -> torch.dtype:
        """What a sharded model's weights are gathered and computed in."""
        return _TYPES.get(self.name, torch.float32)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer step, left out where scaled gradients overflowed."""
        self.scaler.step(optimizer)
        self.scaler.update()


def choose_precision(wanted: str, device: torch.device, *, sharded: bool = False) -> Precision:
    """The precision that was asked for, or what suits the hardware.

    Args:
        wanted: a type's name, or ``auto``: on GPUs bfloat16 where all workers' have that, else float16; on
            a CPU float32, since only some have arithmetic for less, and it pays for large models alone.
        device: of the worker; all workers must ask, each for its own.
        sharded: whether the model is going to be, see ``sharding.py``.

    Raises:
        TrainingError: the hardware has no such arithmetic, and would emulate it slowly; or a sharded model
            would have to compute in float16, whose range T5's activations leave.
    """
    has_bfloat16 = _all_have_bfloat16(device)
    if wanted == "auto":
        wanted = "float32" if device.type == "cpu" else "bfloat16" if has_bfloat16 else "float16"
    if wanted == "bfloat16" and not has_bfloat16:
        kind = "CPU" if device.type == "cpu" else "GPU"
        raise TrainingError(
            f"train.precision = 'bfloat16' is not supported by this {kind}, or by another "
            "worker's: it would emulate it, slower than float32. Use 'auto'."
        )
    if wanted == "float16" and device.type == "cpu":
        raise TrainingError("train.precision = 'float16' needs a GPU; on a CPU use 'auto'.")
    if wanted == "float16" and sharded:
        raise TrainingError(
            "train.strategy = 'fsdp' needs bfloat16 or float32, and this GPU, or another worker's, has no "
            "bfloat16. Set train.precision=float32, or train.strategy=ddp."
        )
    return Precision(device, wanted, sharded)


def _all_have_bfloat16(device: torch.device) -> bool:
    """Workers whose GPUs differ must still compute in the same numbers: their weights would drift apart."""
    have = torch.tensor([float(_has_bfloat16(device))])
    if dist.is_initialized():
        dist.all_reduce(have, op=dist.ReduceOp.MIN)
    return bool(have[0])


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    return any(has.get(flag) for flag in _BFLOAT16_FLAGS)
