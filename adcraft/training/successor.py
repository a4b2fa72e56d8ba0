"""A process for the worker of the next trial, started while this one's still trains.

A new worker costs a Python process and its imports of torch, Ray Train and transformers: most of what a
small trial waits for. Ray keeps processes ready only without a runtime environment and without imports. So a
worker asks its own node for one like itself; the imports are its setup hook.
"""

from __future__ import annotations

import logging
from typing import Any

import grpc  # type: ignore[import-untyped] # which Ray brings, without its stubs
from ray._private.grpc_utils import init_grpc_channel
from ray._private.ray_constants import WORKER_PROCESS_SETUP_HOOK_ENV_VAR
from ray._private.worker import global_worker
from ray.core.generated.common_pb2 import PYTHON  # type: ignore[attr-defined] # made by protoc
from ray.core.generated.node_manager_pb2 import (  # type: ignore[attr-defined] # as above
    PrestartWorkersRequest,
)
from ray.core.generated.node_manager_pb2_grpc import NodeManagerServiceStub

log = logging.getLogger(__name__)

# Ray runs a hook that only an actor's runtime environment names by its variable alone.
ENVIRONMENT = {WORKER_PROCESS_SETUP_HOOK_ENV_VAR: f"{__name__}.prepare"}
"""Variables of a worker whose process imports what it needs before it is asked for anything."""
_KEPT_S = 600
_PATIENCE_S = 5.0


def prepare() -> None:
    """Import what a worker of a training needs."""
    try:
        import transformers.models.t5.modeling_t5  # noqa: F401

        import adcraft.training.loop  # noqa: F401
    except ImportError as error:  # whoever asks it for something is told again; a hook that fails ends it
        log.warning("a worker's process could not import what it needs: %s", error)


def start_successor() -> None:
    """Ask this worker's node for an idle process like this one. Without it a trial starts later, no more."""
    request = PrestartWorkersRequest(
        language=PYTHON,
        job_id=global_worker.current_job_id.binary(),
        num_workers=1,
        keep_alive_duration_secs=_KEPT_S,
    )
    request.runtime_env_info.serialized_runtime_env = global_worker.runtime_env
    node: Any = global_worker.node
    try:
        with init_grpc_channel(f"{node.node_ip_address}:{node.node_manager_port}") as channel:
            NodeManagerServiceStub(channel).PrestartWorkers(request, timeout=_PATIENCE_S)
    except grpc.RpcError as error:
        log.warning("no process was started for the next trial's worker: %s", error)
