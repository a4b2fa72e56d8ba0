"""``ray_jobs generate`` beside its engine alone: the same products, slices and batches, one engine a core.

    python -m benchmarks.generate [--set home=...] [--products 20000] [--rounds 5]

On one side processes that hold cleaned records in memory and do nothing but write for them, timed from the
moment when the last engine is loaded; on the other the job's ``write_missing`` on a Ray that is up: it
starts its engines, reads and cleans the feed, and writes part files. The sides take turns; the texts must
be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from adcraft.ad_copy.catalogue_copy import AdForm
from adcraft.ad_copy.copywriting.brief import PLAIN
from adcraft.ad_copy.sample_feed.feed import write_feed
from adcraft.catalogue.plan import CataloguePlan, plan_catalogue
from adcraft.catalogue.run import write_missing
from adcraft.catalogue.slicing import cut
from adcraft.catalogue.writing import PartWriter
from adcraft.registry import Registry
from adcraft.settings import load_settings
from benchmarks.report import Entry, write_report
from cluster.session import ray_session

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

_GOAL = 0.9


def main() -> None:
    """Compare, print, write ``benchmarks/results/generate.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config, arguments.set)
    with tempfile.TemporaryDirectory() as folder:
        feed = Path(folder) / "feed.csv"
        write_feed(feed, arguments.products, 0, None)
        settings = settings.model_copy(
            update={"data": settings.data.model_copy(update={"source": str(feed), "format": "auto"})}
        )
        registry = Registry(settings.tracking.uri, settings.tracking.model)
        form = AdForm.of(settings.generate)
        plan = replace(plan_catalogue(settings, registry, form), folder=Path(folder) / "work")
        with ray_session(settings):
            rounds = [_round(plan) for _ in range(arguments.rounds)]
    alone, job = (statistics.median(side) for side in zip(*rounds, strict=True))
    rows = plan.survey.rows
    ratio = statistics.median(first / second for first, second in rounds)
    write_report(
        "generate",
        [
            Entry(
                claim="rows/s of the job, over those of its engines alone",
                value=ratio,
                goal=_GOAL,
                met=ratio >= _GOAL,
                rounds=len(rounds),
                peers={"engines alone, rows/s": rows / alone, "the job, rows/s": rows / job},
            )
        ],
    )


def _round(plan: CataloguePlan) -> tuple[float, float]:
    """Seconds of the engines alone, and of the job."""
    alone, texts = by_engines(plan)
    begun = time.perf_counter()
    write_missing(plan)
    job = time.perf_counter() - begun
    print(f"engines alone {alone:.0f} s, the job {job:.0f} s", file=sys.stderr, flush=True)
    if texts != _texts(plan):
        raise SystemExit("The two sides wrote different texts.")
    shutil.rmtree(plan.parts)
    return alone, job


def by_engines(plan: CataloguePlan) -> tuple[float, str]:
    """A process of one engine for each core; seconds from the last one's loading to the last one's end, and
    the digest of what they wrote.
    """
    context = multiprocessing.get_context("spawn")
    cores = len(os.sched_getaffinity(0))
    slices = _slices(plan)
    ready = context.Barrier(cores + 1)
    queue = context.Queue()
    workers = [
        context.Process(target=_write, args=(plan, slices[core::cores], core, ready, queue))
        for core in range(cores)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    begun = time.perf_counter()
    written = dict(queue.get() for _ in workers)
    seconds = time.perf_counter() - begun
    for worker in workers:
        worker.join()
    texts: list[list[str | None]] = [[] for _ in slices]
    for core in range(cores):
        texts[core::cores] = written[core]
    return seconds, _digest([text for each in texts for text in each])


def _write(
    plan: CataloguePlan, slices: list[list[dict[str, Any]]], core: int, ready: Barrier, queue: Any
) -> None:
    writer = PartWriter(plan.bundle.path, plan.parts, plan.columns, plan.form, plan.settings)
    writer.copy(slices[0][:1])  # loads the engine
    ready.wait()
    queue.put((core, [[row.get(PLAIN) for row in writer.copy(records)] for records in slices]))


def _slices(plan: CataloguePlan) -> list[list[dict[str, Any]]]:
    """The records of every slice, cleaned."""
    found = []
    of_chunk: dict[tuple[int, int], Any] = {}
    for each in plan.survey.slices():
        if (each.file, each.chunk) not in of_chunk:
            of_chunk = {
                (each.file, number): plan.rules.refine(
                    plan.feed.files[each.file].parser.parse(chunk, is_first=number == 0)
                )
                for number, chunk in enumerate(plan.feed.files[each.file].chunks())
            }
        found.append(cut(of_chunk[each.file, each.chunk], each, plan.rules).to_pylist())
    return found


def _texts(plan: CataloguePlan) -> str:
    """The digest of what the job wrote."""
    texts: list[str | None] = []
    for each in plan.survey.slices():
        with pa.memory_map(str(plan.parts / each.name)) as source:
            texts += pa.ipc.open_file(source).read_all()[PLAIN].to_pylist()
    return _digest(texts)


def _digest(texts: list[str | None]) -> str:
    return hashlib.sha256("\0".join(text or "" for text in texts).encode()).hexdigest()


if __name__ == "__main__":
    main()
