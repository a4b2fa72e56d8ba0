"""``train.compile`` beside the same training steps without it, for batches as they come.

    python -m benchmarks.compile [--rows 2200] [--rounds 5]

One process with all cores; the Myntra catalogue, or the sample feed where that is not here; the small T5 that
is trained from nothing, made as a worker makes it, with our dropout where it is not compiled; batches of 1536
padded tokens. Each round does the same eight batches both ways. The first three steps, in which code is
generated and translated, are timed apart: a run has to win them back.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from adcraft.settings import load_settings
from adcraft.training.batches import Batch, collate, packed
from adcraft.training.compilation import compiled
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.plan import TrainingPlan
from adcraft.training.precision import Precision
from adcraft.training.steps import train_step
from adcraft.training.trained_model import trained_model
from benchmarks.report import Entry, write_report
from benchmarks.train_feed import Feed, write_feed
from cluster.session import ray_session

_FIRST, _ROUND, _TOKENS = 3, 8, 1536
_CPU = torch.device("cpu")


def main() -> None:
    """Race, print, write ``benchmarks/results/compile.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory(prefix="adcraft-bench-") as name:
        folder = Path(name)
        cores = torch.get_num_threads()
        with ray_session(load_settings(overrides=[f"ray.num_cpus={cores}"])):
            feed = write_feed(folder, arguments.rows, threads=cores, tokens_per_batch=_TOKENS)
        batches = read_batches(feed)
        sides = {side: Side(replace(feed.plan, compile=side == "compiled")) for side in ("plain", "compiled")}
    first = {}
    for side, steps in sides.items():
        first[side] = steps.seconds(batches[:_FIRST])
        print(f"{side}: the first {_FIRST} steps took {first[side]:.1f} s", file=sys.stderr, flush=True)
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for index in range(arguments.rounds):
        start = _FIRST + index * _ROUND
        part = batches[start : start + _ROUND]
        tokens = sum(batch.tokens for batch in part)
        for side, steps in sides.items():
            rates[side].append(tokens / steps.seconds(part))
        print(
            f"round {index + 1}: { {side: round(rate[-1]) for side, rate in rates.items()} }", file=sys.stderr
        )
    ratio = statistics.median(a / b for a, b in zip(rates["compiled"], rates["plain"], strict=True))
    peers = {f"{side} tokens/s": statistics.median(values) for side, values in rates.items()}
    peers |= {f"{side}, first {_FIRST} steps, s": seconds for side, seconds in first.items()}
    write_report(
        "compile",
        [
            Entry(
                claim="tokens/s of compiled training steps over plain ones",
                value=ratio,
                goal=None,
                met=None,
                rounds=arguments.rounds,
                peers=peers,
            )
        ],
    )


class Side:
    """One way of doing the same steps."""

    def __init__(self, plan: TrainingPlan) -> None:
        core = trained_model(plan, _CPU)
        self._model: torch.nn.Module = compiled(core, _CPU) if plan.compile else core
        self._optimizer = ScaledAdamW(core, weight_decay=plan.weight_decay)

    def seconds(self, batches: Sequence[Batch]) -> float:
        """That one step with each batch takes."""
        started = time.perf_counter()
        for batch in batches:
            train_step(
                self._model,
                self._optimizer,
                [batch],
                precision=Precision(_CPU),
                rate=1e-3,
                target_tokens=batch.target_tokens,
                smoothing=0.0,
                clip_norm=1.0,
            )
        return time.perf_counter() - started


def read_batches(feed: Feed) -> list[Batch]:
    """What training would make of the feed's rows."""
    groups = packed(feed.rows("train"), _TOKENS, pool=2048, generator=random.Random(7))
    return [collate(lines, 0) for lines in groups]


if __name__ == "__main__":
    main()
