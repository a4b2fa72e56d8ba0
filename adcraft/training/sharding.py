"""How workers hold one model: each the whole of it (DDP), or each a shard of every weight (FSDP2).

A shard's gradient and optimizer state are shards too, so that all of them together need to hold one model.
Blocks are gathered one at a time, when they compute (Zhao et al., "PyTorch FSDP", VLDB 2023). T5's embedding
is also its output layer, so both are in the outermost group, which is gathered as long as a step computes.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, distribute_tensor

from adcraft.training.precision import Precision


def shard(model: Any, precision: Precision) -> None:
    """Shard a T5 itself over all workers. Each must hold the same weights.

    In bfloat16 the shards stay float32 and what is gathered is bfloat16; autocast would keep a copy of
    every weight until the backward pass.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

    if precision.device.type == "cuda":
        torch.cuda.set_device(precision.device)
    mesh = init_device_mesh(precision.device.type, (dist.get_world_size(),))
    policy = MixedPrecisionPolicy(param_dtype=precision.gathered_type, reduce_dtype=torch.float32)
    for block in (*model.encoder.block, *model.decoder.block):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    register_fsdp_forward_method(model, "generate")


def is_sharded(model: torch.nn.Module) -> bool:
    """Whether workers must run it together."""
    return any(isinstance(parameter, DTensor) for parameter in model.parameters())


def gathered(tensor: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor of which each worker has a shard; all must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def as_held(whole: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """Of a tensor that every worker has, what it holds of ``parameter``."""
    if not isinstance(parameter, DTensor):
        return whole
    local = whole.to(parameter.device)
    return distribute_tensor(local, parameter.device_mesh, parameter.placements, src_data_rank=None)
