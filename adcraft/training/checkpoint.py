"""What a run needs to go on where it was: weights and optimizer as safetensors, the rest as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_WEIGHTS = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"


@dataclass
class RunState:
    """Where a run is, after a whole number of epochs.

    Attributes:
        epoch: epochs done.
        step: optimizer steps done.
        rows: rows seen by all workers.
        tokens: tokens trained on by all workers, padding not counted.
        elapsed_s: training time over all attempts.
        best_loss: the lowest validation loss so far.
        bad_epochs: epochs since then.
        stopped: why there will be no further epoch; "" while there will.
        history: metrics of each epoch.
    """

    epoch: int = 0
    step: int = 0
    rows: int = 0
    tokens: int = 0
    elapsed_s: float = 0.0
    best_loss: float = float("inf")
    bad_epochs: int = 0
    stopped: str = ""
    history: list[dict[str, float]] = field(default_factory=list)


def save(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: RunState) -> None:
    """Write a checkpoint into an existing, empty folder."""
    from safetensors.torch import save_file, save_model

    save_model(model, str(folder / _WEIGHTS))
    tensors, groups = _flatten(optimizer.state_dict())
    save_file(tensors, str(folder / _OPTIMIZER))
    content = {"state": asdict(state), "groups": groups}
    (folder / _STATE).write_text(json.dumps(content), encoding="utf-8")


def load(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> RunState:
    """Read a checkpoint back into ``model`` and ``optimizer``."""
    from safetensors.torch import load_file

    load_weights(folder, model)
    content = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    optimizer.load_state_dict(_unflatten(load_file(str(folder / _OPTIMIZER)), content["groups"]))
    return RunState(**content["state"])


def load_weights(folder: Path, model: torch.nn.Module) -> None:
    """Read a checkpoint's weights alone."""
    from safetensors.torch import load_model

    load_model(model, str(folder / _WEIGHTS))


def read_state(folder: Path) -> RunState:
    """Read where a checkpoint's run was, without its tensors."""
    return RunState(**json.loads((folder / _STATE).read_text(encoding="utf-8"))["state"])


def _flatten(state: dict[str, Any]) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    tensors = {
        f"{index}.{name}": value.contiguous()
        for index, values in state["state"].items()
        for name, value in values.items()
    }
    return tensors, state["param_groups"]


def _unflatten(tensors: dict[str, torch.Tensor], groups: list[dict[str, Any]]) -> dict[str, Any]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": groups}
