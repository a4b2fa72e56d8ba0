"""Ray Train's side of the training benchmark: the real worker, timed by the steps that it reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adcraft.training.encoding import EncodedSplit
from adcraft.training.nodes import alive_nodes
from adcraft.training.progress import Event
from adcraft.training.resources import worker_resources
from benchmarks.train_feed import Feed

_WARM_S = 10.0
"""Until then, Ray still starts processes of its own."""


def by_ray(feed: Feed, name: str, *, workers: int) -> float:
    """Useful tokens/s on the connected Ray, each worker with its share of cores and of the batch."""
    from adcraft.training.fit import fit

    plan = feed.plan
    resources = worker_resources(
        num_workers=workers,
        use_gpu=False,
        threads=0,
        nodes=alive_nodes(),
        node_cores=plan.threads,
    )
    shared = replace(
        plan,
        threads=resources.threads,
        workers=workers,
        tokens_per_batch=plan.tokens_per_batch // workers,
    )
    ends: list[tuple[float, int]] = []

    def note(events: list[Event]) -> None:
        ends.extend((event["seconds"], event["tokens"]) for event in events if event["kind"] == "step")

    split = EncodedSplit(feed.folder / "train", plan.rows, 0)
    fit(
        shared,
        {"train": split, "validation": split},
        resources,
        storage=feed.folder / "ray",
        name=name,
        keep_checkpoints=1,
        max_failures=0,
        on_progress=note,
    )
    return warm_rate(ends)


def warm_rate(ends: Sequence[tuple[float, int]]) -> float:
    """Tokens/s after the warm-up, given the seconds and tokens so far at the end of each step."""
    start, before = next(end for end in ends if end[0] >= _WARM_S)
    stop, after = ends[-1]
    if stop == start:
        raise SystemExit(f"All steps fit into the warm-up of {_WARM_S:g} s: give more --ray-rows.")
    return (after - before) / (stop - start)
