"""Two workers that hold a shard each learn what two learn that hold all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from adcraft.settings import LoraSettings
from adcraft.training.adapters import Adapters, add_adapters, step_sizes
from adcraft.training.batches import Batch
from adcraft.training.checkpoint import load, save
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import Precision
from adcraft.training.run_state import RunState
from adcraft.training.sharding import gathered, is_sharded, shard
from adcraft.training.steps import generate_samples, train_step, validate
from tests.unit.training.conftest import tiny_t5
from tests.unit.training.test_steps import batches, rows
from tests.unit.training.workers import together

WORLD = 2
CPU = Precision(torch.device("cpu"), sharded=True)
SOURCES = ((5, 6, 7, 1), (8, 9, 1))
PEERS = {
    "fsdp": "ddp",
    "fsdp, recomputing": "ddp",
    "fsdp, adapters": "ddp, adapters",
}
WAYS = [("ddp", "fsdp"), ("fsdp", "ddp"), ("ddp, adapters", "fsdp, adapters")]


def build(kind: str, precision: Precision = CPU) -> tuple[Any, Any, ScaledAdamW]:
    """A model of 67 rows, which two workers can't share evenly; bare, as called, and its optimizer."""
    core = tiny_t5(67).train()
    sizes = {}
    if "adapters" in kind:
        adapters = Adapters.of(LoraSettings(rank=4), (61, 62))
        assert adapters
        add_adapters(core, adapters, seed=3)
        sizes = step_sizes(core)
    if "recomputing" in kind:
        core.gradient_checkpointing_enable({"use_reentrant": False})
    if kind.startswith("fsdp"):
        shard(core, precision)
    model = core if kind.startswith("fsdp") else DistributedDataParallel(core)
    return core, model, ScaledAdamW(core, weight_decay=0.01, sizes=sizes)


def shares(rank: int) -> list[Batch]:
    """Uneven ones: three batches and one, of other widths."""
    data = rows(16)
    return batches(data[:9], 3) if rank == 0 else batches(data[9:], 7)


def steps(model: Any, optimizer: ScaledAdamW, rank: int, count: int) -> list[tuple[float, float]]:
    """Loss and norm of each."""
    return [
        train_step(
            model,
            optimizer,
            shares(rank),
            precision=CPU,
            rate=0.002,
            target_tokens=100,
            smoothing=0.1,
            clip_norm=0.7,
            passes=3,
        )
        for _ in range(count)
    ]


def learn(rank: int, kind: str, folder: Path) -> dict[str, Any]:
    """Two steps, all that ends an epoch, and two more."""
    core, model, optimizer = build(kind)
    losses = steps(model, optimizer, rank, 2)
    validation = validate(model, shares(rank), CPU)
    samples = generate_samples(model, SOURCES, CPU, 8) if is_sharded(core) or rank == 0 else []
    if rank == 0:
        folder.mkdir()
    save(folder if rank == 0 else None, core, optimizer.adamw, RunState(epoch=1))
    losses += steps(model, optimizer, rank, 2)
    weights = {name: gathered(weight.detach()).clone() for name, weight in core.named_parameters()}
    held = sum(getattr(weight, "to_local", lambda w=weight: w)().numel() for weight in core.parameters())
    return {
        "losses": losses,
        "validation": validation,
        "samples": samples,
        "weights": weights,
        "held": held / sum(weight.numel() for weight in weights.values()),
    }


def go_on(rank: int, kind: str, checkpoint: Path) -> list[tuple[float, float]]:
    """Two steps more from a checkpoint that others left."""
    core, model, optimizer = build(kind)
    assert load(checkpoint, core, optimizer.adamw).epoch == 1
    assert is_sharded(core) == kind.startswith("fsdp")
    return steps(model, optimizer, rank, 2)


def learn_in_bfloat16(rank: int) -> dict[str, Any]:
    core, model, optimizer = build("fsdp", Precision(torch.device("cpu"), "bfloat16", sharded=True))
    losses = steps(model, optimizer, rank, 4)
    return {"losses": losses, "types": [str(weight.dtype) for weight in core.parameters()]}


def work(rank: int, folder: Path) -> None:
    """What each worker does, in one process for all tests: to start one takes the longest."""
    kinds = sorted({*PEERS, *PEERS.values()})
    found: dict[str, Any] = {kind: learn(rank, kind, folder / kind) for kind in kinds}
    dist.barrier()
    for source, kind in WAYS:
        found[f"{source} > {kind}"] = go_on(rank, kind, folder / source)
    found["bfloat16"] = learn_in_bfloat16(rank)
    torch.save(found, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("workers")
    together(work, WORLD, made)
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> list[dict[str, Any]]:
    """Of each worker, what it found."""
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


@pytest.mark.parametrize("kind", PEERS)
def test_shards_learn_what_replicas_learn(found: list[dict[str, Any]], kind: str) -> None:
    for worker in found:
        shards, replicas = worker[kind], worker[PEERS[kind]]
        for left, right in zip(shards["losses"], replicas["losses"], strict=True):
            assert left == pytest.approx(right, rel=1e-4)
        assert shards["validation"] == pytest.approx(replicas["validation"], rel=1e-5)
        assert shards["samples"] == replicas["samples"] or not replicas["samples"]
        assert shards["weights"].keys() == replicas["weights"].keys()
        for name, weight in shards["weights"].items():
            torch.testing.assert_close(weight, replicas["weights"][name], atol=1e-5, rtol=1e-3)
        assert min(norm for _, norm in shards["losses"]) > 0.7, "nothing was clipped"
        assert shards["losses"][-1][0] < shards["losses"][0][0]


def test_a_worker_holds_its_shard_alone(found: list[dict[str, Any]]) -> None:
    assert [worker["ddp"]["held"] for worker in found] == [1, 1]
    assert all(0.4 < worker["fsdp"]["held"] < 0.6 for worker in found)
    assert sum(worker["fsdp"]["held"] for worker in found) == pytest.approx(1)


@pytest.mark.parametrize(("source", "kind"), WAYS)
def test_either_goes_on_from_the_others_checkpoint(
    found: list[dict[str, Any]], source: str, kind: str
) -> None:
    for worker in found:
        for left, right in zip(worker[f"{source} > {kind}"], worker[source]["losses"][2:], strict=True):
            assert left == pytest.approx(right, rel=1e-4)


def test_checkpoints_are_of_one_layout_which_one_process_reads(folder: Path) -> None:
    def sizes(kind: str) -> dict[str, int]:
        return {file.name: file.stat().st_size for file in (folder / kind).glob("*.safetensors")}

    assert len(sizes("ddp")) == 2
    assert sizes("fsdp") == sizes("ddp")
    core = tiny_t5(67)
    load(folder / "fsdp", core, ScaledAdamW(core, weight_decay=0.01).adamw)
    assert not is_sharded(core)
    assert not torch.equal(core.shared.weight, tiny_t5(67).shared.weight)


def test_shards_stay_float32_where_they_compute_in_bfloat16(found: list[dict[str, Any]]) -> None:
    exact, rounded = found[0]["fsdp"]["losses"], found[0]["bfloat16"]["losses"]
    assert set(found[0]["bfloat16"]["types"]) == {"torch.float32"}
    for (loss, _), (other, _) in zip(rounded, exact, strict=True):
        assert loss == pytest.approx(other, rel=0.02)
        assert loss != pytest.approx(other, rel=1e-6)
