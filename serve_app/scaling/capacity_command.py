"""Measure how much one replica does on this machine, and what limits a latency target comes to.

python -m serve_app capacity [--latency-target-ms 500] [--write]

One replica of the settings' model, threads and batches writes a creative for products of the sample feed, in
this process, for 1 to 64 callers that each have one request at a time. It takes a minute or two; what else
runs on the machine is measured too. With --write the curve goes to <home>/capacity.json, and a server with
serve.latency_target_ms is scaled by it from its next start on.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.settings import ServeSettings, load_settings
from serve_app.args import ServeArgs
from serve_app.scaling.autoscaling import Curve, Point, Scaling
from serve_app.scaling.capacity import measure
from serve_app.scaling.capacity_file import (
    MEASURE,
    Capacity,
    Machine,
    capacity_path,
    engine_settings,
    write_capacity,
)
from serve_app.scaling.scaling_check import check_scaling
from serve_app.scaling.scaling_plan import limits

log = logging.getLogger("serve_app")

_BEYOND_USE = 2
"""Times the latency target. Without one, half of the time after which a request is given up."""


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments after ``capacity`` say. Returns the process's exit code."""
    parsed = _parser().parse_args(arguments)
    console.log_to_stderr(parsed.debug)
    return console.run("serve_app", "capacity", parsed.debug, lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> dict[str, Any]:
    target = parsed.latency_target_ms
    overrides = [*parsed.set, *([] if target is None else [f"serve.latency_target_ms={target}"])]
    args = ServeArgs.of(load_settings(parsed.config, overrides))
    capacity = asyncio.run(_measured(args))
    path = capacity_path(args.home)
    if parsed.write:
        write_capacity(path, capacity)
    print(_table(capacity))
    print(f"Written to {path}." if parsed.write else f"Not written; {MEASURE} puts it into {path}.")
    scaling = _limits(args.serve, capacity) if args.serve.latency_target_ms else None
    return {
        "file": str(path) if parsed.write else None,
        **capacity.model_dump(mode="json"),
        "limits": asdict(scaling) if scaling else None,
    }


async def _measured(args: ServeArgs) -> Capacity:
    from serve_app.scaling.capacity_replica import load_replica, sample_jobs

    replica = await load_replica(args)
    serve = args.serve
    useless_ms = _BEYOND_USE * serve.latency_target_ms or 1000 * serve.request_timeout_s / _BEYOND_USE
    points = await measure(replica.submit, sample_jobs(), useless_ms=useless_ms, seen=_say)
    return Capacity(
        model=replica.model,
        model_version=replica.version,
        engine=engine_settings(serve),
        computed_in=replica.computed_in,
        machine=Machine.here(),
        points=tuple(points),
        measured_at=datetime.now(UTC).replace(microsecond=0),
    )


def _limits(serve: ServeSettings, curve: Curve) -> Scaling:
    """What a server with this curve would be deployed with.

    Raises:
        SettingsError: it could not scale.
    """
    scaling = limits(serve, curve)
    for warning in check_scaling(serve, scaling, curve):
        log.warning(warning)
    print(
        f"For a p95 of {serve.latency_target_ms:g} ms: beyond {scaling.target_ongoing_requests:.1f} requests "
        f"per replica another one is started; a replica takes on {scaling.max_ongoing_requests} at most, and "
        f"{scaling.max_queued_requests} wait at most."
    )
    return scaling


def _say(point: Point) -> None:
    log.info("%d at once: %.1f requests/s, p50 %.0f ms, p95 %.0f ms", *_row(point))


def _table(capacity: Capacity) -> str:
    lines = [
        f"{capacity.model} version {capacity.model_version}, {capacity.computed_in}, on {capacity.machine}",
        f"{'at once':>8} {'requests/s':>11} {'p50 ms':>8} {'p95 ms':>8}",
    ]
    for point in capacity.points:
        at, done, p50, p95 = _row(point)
        lines.append(f"{at:>8} {done:>11.1f} {p50:>8.0f} {p95:>8.0f}")
    return "\n".join(lines)


def _row(point: Point) -> tuple[int, float, float, float]:
    return point.concurrency, point.throughput_per_s, point.p50_ms, point.p95_ms


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m serve_app capacity", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. serve.threads=2"
    )
    parser.add_argument(
        "--latency-target-ms",
        type=float,
        metavar="N",
        help="for 95 of 100 requests: print the limits for it",
    )
    parser.add_argument("--write", action="store_true", help="keep the curve in <home>/capacity.json")
    parser.add_argument("--debug", action="store_true", help="tracebacks and debug logs")
    return parser
