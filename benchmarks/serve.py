"""The HTTP application beside what a user would build instead, and beside its engine alone.

    python -m benchmarks.serve [--rounds 5] [--callers 1 8 64 128] [--only adcraft raw ...] [--model BUNDLE]
        [--set serve.max_replicas=2 ...]

The model has t5-small's shape and writes real copy: a small one that has learnt to (--model, else the
champion of the settings, else one trained here for some minutes) is widened without a change of what it
writes; benchmarks/serving/widening.py says how. Its feed-forward layers are as the small one's: gated ones
have three matrices where t5-small's have two. Requests are products of about 48 tokens in and 32 out, none of
which may be answered from memory. A client in its own process sends them over kept connections, in a closed
loop.

In each round every part runs by itself, from the start of its processes to their end; parts take turns, and
each figure is the median over the rounds. All sides write the same texts, which is checked. The peers don't
check copy against guardrails; the application does. A table says where the CPU time of a request goes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path

import ctranslate2
from rich.console import Console
from rich.table import Table

from adcraft.settings import load_settings
from benchmarks.report import write_report
from benchmarks.serving import blocks, sides
from benchmarks.serving.asking import asked_of
from benchmarks.serving.bench_model import bench_model, small_bundle
from benchmarks.serving.blocks import Plan
from benchmarks.serving.deploy import deploy_s
from benchmarks.serving.entries import cpu_rows, entries
from benchmarks.serving.results import Results
from benchmarks.serving.widening import Shape

DEPLOY, OFFLINE = "deploy", "offline"
PARTS: dict[str, Callable[[Plan, Results, int], None]] = {
    "raw": blocks.raw,
    "adcraft": blocks.adcraft,
    "one-replica": blocks.at_64(sides.ONE_REPLICA),
    "cut": blocks.at_64(sides.CUT),
    "batcher": blocks.side_block(sides.BATCHER),
    "ray-serve": blocks.side_block(sides.RAY_SERVE),
    "transformers": blocks.side_block(sides.TRANSFORMERS),
    "plain-ray-serve": blocks.plain(sides.PLAIN_RAY_SERVE),
    "plain-uvicorn": blocks.plain(sides.PLAIN_UVICORN),
    "engine-start": blocks.engine_start,
    OFFLINE: blocks.offline,
}


def main() -> None:
    """Compare, print, write ``benchmarks/results/serve.json``."""
    parsed = _parser().parse_args()
    settings = load_settings(parsed.config, parsed.set)
    home = (parsed.home or Path(settings.home) / "bench-serve").expanduser().absolute()
    small = small_bundle(settings, parsed.model, home)
    model = bench_model(small, Shape(d_ff=parsed.d_ff), home)
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    callers = sorted({1, blocks.BUSY, *parsed.callers, *(blocks.GPU_CALLERS if has_gpu else ())})
    survey = asked_of(model, blocks.needed(parsed.scale), model.home / "requests.json")
    print(survey, file=sys.stderr)
    own = tuple(setting for setting in parsed.set if setting.startswith(("serve.", "ray.")))
    plan = Plan(model, survey.requests, callers, parsed.scale, own)
    parts = set(parsed.only or [*PARTS, DEPLOY]) - (set() if has_gpu else {OFFLINE})
    results = measure(plan, parts, parsed.rounds)
    details = {
        "requests": str(survey),
        "model": {"from": str(small.path), "shape": asdict(Shape(d_ff=parsed.d_ff))},
        "settings": list(own),
        **results.details(),
    }
    write_report("serve", entries(results), details)
    _print_cpu(results)
    print(survey)


def measure(plan: Plan, only: Collection[str], rounds: int) -> Results:
    """All parts in turn, again and again."""
    results = Results()
    for seed in range(rounds):
        print(f"round {seed + 1} of {rounds}", file=sys.stderr, flush=True)
        for name, part in PARTS.items():
            if name in only:
                part(plan, results, seed)
    if DEPLOY in only:
        results.scalars["deploy, s"].append(deploy_s(plan.model, plan.asked[0], plan.own_settings))
    return results


def _print_cpu(results: Results) -> None:
    table = Table(title=f"CPU of a request, {blocks.BUSY} callers", title_justify="left")
    for column in ("side", "process", "ms"):
        table.add_column(column, justify="right" if column == "ms" else "left")
    for side, role, spent in cpu_rows(results):
        table.add_row(side, role, f"{spent:.3g}")
    Console(width=None if os.isatty(1) else 160).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="where the champion is; what begins with serve. or ray. is for the application too",
    )
    parser.add_argument("--model", type=Path, metavar="BUNDLE", help="to widen; default: the champion")
    parser.add_argument(
        "--home", type=Path, help="of the benchmark; default: bench-serve in the settings' home"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 64, 128])
    parser.add_argument("--only", nargs="+", choices=[*PARTS, DEPLOY], help="parts to run; default: all")
    parser.add_argument("--d-ff", type=int, default=Shape.d_ff, help="width inside the feed-forward layers")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of requests; for tries")
    return parser


if __name__ == "__main__":
    main()
