"""Ray Train beside a plain torch loop: the same model, rows, batches and optimizer.

    python -m benchmarks.train [--rows 1100] [--rounds 5]

Each round trains one epoch three ways, in turn: a plain loop in a process of its own with all cores, one
Ray Train worker with all cores, and Ray Train workers of one core each that share every global batch.
Steps are timed inside the loop, from its tenth second on: before that, Ray still starts processes of its own.
Batches differ a little in what fits into them, so a step's time is given per useful (non-padding) token.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adcraft.ad_copy.sample_feed.products import products
from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.inference.codec import TextCodec
from adcraft.settings import ModelSettings, load_settings
from adcraft.training.base_model import load_model, write_base
from adcraft.training.batches import Row, by_token_budget, collate
from adcraft.training.encoding import EncodedSplit
from adcraft.training.plan import TrainingPlan
from adcraft.training.progress import Event
from adcraft.training.resources import worker_resources
from adcraft.workloads import get_workload
from benchmarks.report import Entry, write_report
from cluster.session import ray_session

_GOAL = 1.1
_WARM_S = 10.0


def main() -> None:
    """Race, print, write ``benchmarks/results/train.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens-per-batch", type=int, default=1536)
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plain:
        print(json.dumps(plain(arguments.plain)))
        return
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="adcraft-bench-") as name:
        folder = Path(name)
        rows = write_rows(folder, arguments.rows)
        write_plan(folder, rows, cores, arguments.tokens_per_batch)
        seconds: dict[str, list[float]] = {"plain": [], "one": [], "many": []}
        with ray_session(load_settings(overrides=[f"ray.num_cpus={cores}"])):
            for index in range(arguments.rounds):
                seconds["plain"].append(_in_own_process(folder))
                seconds["one"].append(by_ray(folder, f"one-{index}", workers=1))
                seconds["many"].append(by_ray(folder, f"many-{index}", workers=cores))
                last = {key: f"{1 / values[-1]:.0f} tokens/s" for key, values in seconds.items()}
                print(f"round {index + 1}: {last}", file=sys.stderr, flush=True)
    write_report("train", list(_entries(seconds, cores, arguments.rounds)))


def write_rows(folder: Path, count: int) -> int:
    """Encode a sample feed into ``folder/encoded`` and the model into ``folder/base``; rows written."""
    workload = get_workload("ad_copy")
    records = (
        {**product._asdict(), "product_name": product.title, "target": product.ad, "target_field": "ad"}
        for product in products(rows=count, seed=1)
    )
    taught = [e for record in records if (e := workload.example(record, workload.prompt_fields))]
    texts = [text for example in taught for text in (example.source, example.target)]
    write_base(ModelSettings(), SLOT_TOKENS, lambda: texts, folder / "base")
    codec = TextCodec.load(folder / "base" / "tokenizer.json")
    (folder / "encoded").mkdir()
    source = codec.encode([example.source for example in taught], 96)
    target = codec.encode([example.target for example in taught], 80)
    kind = pa.list_(pa.int32())
    table = pa.table({"source": pa.array(source, kind), "target": pa.array(target, kind)})
    pq.write_table(table, folder / "encoded" / "rows.parquet")
    return len(taught)


def write_plan(folder: Path, rows: int, threads: int, tokens_per_batch: int) -> None:
    """Keep what both sides do in ``folder/plan.json``."""
    plan = TrainingPlan(
        base=str(folder / "base"),
        pretrained=False,
        rows=rows,
        epochs=1,
        seconds=0,
        patience=0,
        threads=threads,
        tokens_per_batch=tokens_per_batch,
        accumulate=1,
        learning_rate=0.02,
        warmup=0.05,
        weight_decay=0.01,
        label_smoothing=0.0,
        clip_norm=1.0,
        seed=7,
        target_tokens=80,
        sample_sources=(),
    )
    (folder / "plan.json").write_text(json.dumps(plan.as_config()))


def plain(folder: Path) -> float:
    """Seconds per useful token of a loop that a torch user would write; no Ray in the process."""
    import torch

    from adcraft.training.optimizer import ScaledAdamW
    from adcraft.training.schedule import learning_rate
    from adcraft.training.steps import train_step

    plan = _plan(folder)
    torch.set_num_threads(plan.threads)
    model = load_model(Path(plan.base), plan.pretrained, plan.seed)
    model.train()
    optimizer = ScaledAdamW(model, weight_decay=plan.weight_decay)
    rows = [
        Row(source, target)
        for batch in pq.ParquetFile(folder / "encoded" / "rows.parquet").iter_batches()
        for source, target in zip(batch["source"].to_pylist(), batch["target"].to_pylist(), strict=True)
    ]
    generator = random.Random(plan.seed)
    generator.shuffle(rows)
    seen = tokens = 0
    ends = []
    started = time.perf_counter()
    for group in by_token_budget(rows, plan.tokens_per_batch, pool=2048, generator=generator):
        batch = collate(group, 0)
        train_step(
            model,
            optimizer,
            [batch],
            device=torch.device("cpu"),
            rate=learning_rate(seen / plan.rows, peak=plan.learning_rate, warmup=plan.warmup),
            target_tokens=batch.target_tokens,
            smoothing=0.0,
            clip_norm=plan.clip_norm,
        )
        seen += len(group)
        tokens += batch.tokens
        ends.append((time.perf_counter() - started, tokens))
    return seconds_per_token(ends)


def by_ray(folder: Path, name: str, *, workers: int) -> float:
    """Seconds per useful token of Ray Train, each worker with its share of cores and of the batch."""
    import ray

    from adcraft.training.fit import fit

    plan = _plan(folder)
    resources = worker_resources(
        num_workers=workers,
        use_gpu=False,
        threads=0,
        cluster_cpus=ray.cluster_resources()["CPU"],
        cluster_gpus=0,
        node_cores=plan.threads,
    )
    shared = TrainingPlan(
        **{
            **plan.as_config(),
            "threads": resources.threads,
            "tokens_per_batch": plan.tokens_per_batch // workers,
        }
    )
    ends: list[tuple[float, int]] = []

    def note(events: list[Event]) -> None:
        ends.extend((event["seconds"], event["tokens"]) for event in events if event["kind"] == "step")

    split = EncodedSplit(folder / "encoded", plan.rows, 0)
    fit(
        shared,
        {"train": split, "validation": split},
        resources,
        num_workers=workers,
        storage=folder / "ray",
        name=name,
        keep_checkpoints=1,
        max_failures=0,
        on_progress=note,
    )
    return seconds_per_token(ends)


def seconds_per_token(ends: Sequence[tuple[float, int]]) -> float:
    """Of the steps after the warm-up, given the seconds and tokens so far at the end of each step."""
    start, before = next(end for end in ends if end[0] >= _WARM_S)
    stop, after = ends[-1]
    return (stop - start) / (after - before)


def _in_own_process(folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.train", "--plain", str(folder)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _plan(folder: Path) -> TrainingPlan:
    content = json.loads((folder / "plan.json").read_text())
    return TrainingPlan(**{**content, "sample_sources": ()})


def _entries(seconds: dict[str, list[float]], cores: int, rounds: int) -> Iterator[Entry]:
    rates = {key: 1 / statistics.median(values) for key, values in seconds.items()}
    sides = {
        "one": f"1 Ray Train worker of {cores} threads",
        "many": f"{cores} Ray Train workers of 1 thread",
    }
    for side, what in sides.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[side], seconds["plain"], strict=True))
        yield Entry(
            claim=f"time per step (per useful token) of {what} over a plain torch loop of {cores} threads",
            value=ratio,
            goal=_GOAL,
            met=ratio <= _GOAL,
            rounds=rounds,
            peers={"plain tokens/s": rates["plain"], "Ray Train tokens/s": rates[side]},
        )


if __name__ == "__main__":
    main()
