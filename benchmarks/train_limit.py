"""How far training could go on these cores: what a step computes, and how fast a matrix product alone is.

python -m benchmarks.train_limit FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
import time
from itertools import islice
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from adcraft.training.base_model import load_model
from adcraft.training.batches import collate, packed
from adcraft.training.masks import keep_examples_apart
from adcraft.training.precision import choose_precision
from adcraft.training.steps import loss_sum
from benchmarks.train_feed import Feed

_BATCHES = 10
_SECONDS = 2.0


def main() -> None:
    """Print ``{"flop_per_token": ..., "flop_per_s": ...}``: of our steps, a useful token, padding's share
    included; and of a batch's tokens times a feed-forward matrix, with all threads.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    feed = Feed(parser.parse_args().folder, "")
    plan = feed.plan
    torch.set_num_threads(plan.threads)
    model = load_model(Path(plan.base), plan.pretrained, plan.seed)
    precision = choose_precision("float32", torch.device("cpu"))
    keep_examples_apart(model)
    groups = packed(feed.rows("train"), plan.tokens_per_batch, pool=2048, generator=random.Random(0))
    batches = [collate(lines, 0) for lines in islice(groups, _BATCHES)]
    with FlopCounterMode(display=False) as counter:
        for batch in batches:
            loss_sum(model, batch, precision, 0.0).backward()
    per_token = counter.get_total_flops() / sum(batch.tokens for batch in batches)
    rate = matrix_rate(plan.tokens_per_batch, model.config.d_model, model.config.d_ff)
    print(json.dumps({"flop_per_token": per_token, "flop_per_s": rate}))


def matrix_rate(rows: int, inner: int, columns: int) -> float:
    """FLOP/s of a float32 product of these shapes, warm."""
    left, right = torch.randn(rows, inner), torch.randn(columns, inner)
    for _ in range(_BATCHES):
        torch.nn.functional.linear(left, right)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < _SECONDS:
        torch.nn.functional.linear(left, right)
        done += 1
    return 2 * rows * inner * columns * done / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
