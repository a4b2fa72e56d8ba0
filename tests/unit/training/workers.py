"""A function in several processes that make one process group, without Ray."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

_IMPORTED = ["pytest", "torch.distributed.fsdp", "transformers.models.t5.modeling_t5", __name__]
"""Once, by the process that the others are forks of: to import them takes longer than what is tested."""


def together(function: Callable[..., None], world: int, *arguments: Any) -> None:
    """Call ``function(rank, *arguments)`` in each of ``world`` processes; it must be a module's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.set_forkserver_preload(_IMPORTED)
    start_processes(_run, (world, port, function, arguments), nprocs=world, start_method="forkserver")


def _run(rank: int, world: int, port: int, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    try:
        function(rank, *arguments)
    finally:
        dist.destroy_process_group()
