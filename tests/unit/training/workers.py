"""A function in several processes that make one process group, without Ray."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn


def together(function: Callable[..., None], world: int, *arguments: Any) -> None:
    """Call ``function(rank, *arguments)`` in each of ``world`` processes; it must be a module's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn(_run, (world, port, function, arguments), nprocs=world)


def _run(rank: int, world: int, port: int, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    try:
        function(rank, *arguments)
    finally:
        dist.destroy_process_group()
