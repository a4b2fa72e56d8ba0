"""What a run needs to go on where it was: weights and optimizer as safetensors, the rest as JSON.

Whole tensors, of what is trained: however many workers there were and however they held the model, others
can go on. Where adapters are trained, the frozen base is not in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.errors import TrainingError
from adcraft.training.run_state import STATE, RunState, read_state

if TYPE_CHECKING:
    import torch

_WEIGHTS = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"


def save(
    folder: Path | None,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    state: RunState,
    scaler: torch.amp.GradScaler | None = None,
) -> None:
    """Write a checkpoint. All workers call it, since of a sharded model each has a part.

    Args:
        folder: exists and is empty; None on all workers but the one that writes.
        model: not wrapped.
        optimizer: each of its groups has one parameter of ``model``.
        state: where the run is.
        scaler: of the loss; None: there is none.
    """
    from safetensors.torch import save_file

    saved = optimizer.state_dict()
    weights = _whole(_trained(model), keep=folder is not None)
    moments = _whole(_flatten(saved), keep=folder is not None)
    if folder is None:
        return
    save_file(weights, str(folder / _WEIGHTS))
    save_file(moments, str(folder / _OPTIMIZER))
    content = {
        "state": asdict(state),
        "groups": saved["param_groups"],
        "scaler": scaler.state_dict() if scaler else {},
    }
    (folder / STATE).write_text(json.dumps(content), encoding="utf-8")


def load(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> RunState:
    """Read a checkpoint back into ``model``, ``optimizer`` and ``scaler``, as each worker holds them.

    Raises:
        TrainingError: it is of another model.
    """
    from safetensors.torch import load_file

    load_weights(folder, model)
    content = json.loads((folder / STATE).read_text(encoding="utf-8"))
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments = _unflatten(load_file(str(folder / _OPTIMIZER)), held)
    optimizer.load_state_dict({"state": moments, "param_groups": content["groups"]})
    if scaler and scaler.is_enabled() and content.get("scaler"):  # the precision may have been another
        scaler.load_state_dict(content["scaler"])
    return RunState(**content["state"])


def whole_state(folder: Path) -> RunState:
    """Read where a checkpoint's run was, and whether all of its files are whole.

    Raises:
        TrainingError: one was cut short, or is missing.
    """
    from safetensors import SafetensorError, safe_open

    try:
        for name in (_WEIGHTS, _OPTIMIZER):
            with safe_open(str(folder / name), framework="pt"):  # compares the file's size with its head
                pass
        return read_state(folder)
    except (OSError, SafetensorError, ValueError) as error:
        raise TrainingError(f"The checkpoint {folder} is not whole: {error}.") from error


def begin_from(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> RunState:
    """Read another run's checkpoint, to begin where it was: with its weights, moments, scale and counts, but
    with the settings that ``optimizer`` was made with, and a history of one's own.
    """
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    state = load(folder, model, optimizer, scaler)
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay
    return replace(state, best_loss=math.inf, bad_epochs=0, stopped="", history=[])


def load_weights(folder: Path, model: torch.nn.Module) -> None:
    """Read a checkpoint's weights alone.

    Raises:
        TrainingError: it is of another model.
    """
    import torch
    from safetensors import safe_open

    from adcraft.training.sharding import as_held

    trained = _trained(model)
    with safe_open(str(folder / _WEIGHTS), framework="pt") as file, torch.no_grad():
        names = set(file.keys())
        for name, parameter in trained.items():
            if name not in names or file.get_slice(name).get_shape() != list(parameter.shape):
                raise TrainingError(
                    f"The checkpoint {folder} is of another model: it has no {name} of shape "
                    f"{tuple(parameter.shape)}. Set train.fresh=true to train from the beginning."
                )
            parameter.copy_(as_held(file.get_tensor(name), parameter))


def _trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Each parameter under one name, also where T5 uses it in several places."""
    return {
        name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad
    }


def _whole(tensors: Mapping[str, torch.Tensor], *, keep: bool) -> dict[str, torch.Tensor]:
    """One after the other, since the whole model may not fit where its shards do."""
    from adcraft.training.sharding import gathered

    whole = {}
    for name, tensor in tensors.items():
        full = gathered(tensor)
        if keep:
            whole[name] = full.cpu().contiguous()
    return whole


def _flatten(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {
        f"{index}.{name}": value for index, values in state["state"].items() for name, value in values.items()
    }


def _unflatten(
    tensors: Mapping[str, torch.Tensor], held: Sequence[torch.Tensor]
) -> dict[int, dict[str, torch.Tensor]]:
    from adcraft.training.sharding import as_held

    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        parameter = held[int(index)]
        of_it = as_held(value, parameter) if value.shape == parameter.shape else value  # else a counter
        state.setdefault(int(index), {})[name] = of_it
    return state
