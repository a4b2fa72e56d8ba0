"""The engine without HTTP: processes of one thread each, batches of 32; then one text at a time.

    python -m benchmarks.serving.raw_engine BUNDLE < records as JSON > what came of them as JSON

Each process has its share of the records; the clock runs from the moment when the last engine is loaded to
the end of the last process. Prompt, encoding, decoding and slots are part of it, as with any server.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

BATCH = 32


@dataclass(frozen=True)
class RawOutcome:
    """What came of it.

    Attributes:
        seconds: for all records in batches.
        cpu_s: of all processes, meanwhile.
        texts: of each of them.
        single_ms: of each record that was written for alone.
        compute_type: of the engine.
    """

    seconds: float
    cpu_s: float
    texts: list[str]
    single_ms: list[float]
    compute_type: str


def run(bundle: Path, records: Sequence[dict[str, str]], singles: Sequence[dict[str, str]]) -> RawOutcome:
    """Write for ``records`` in batches by a process for each core, then for ``singles`` by one of them."""
    context = multiprocessing.get_context("spawn")
    processes = len(os.sched_getaffinity(0))
    ready, alone = context.Barrier(processes + 1), context.Barrier(processes + 1)
    queue = context.Queue()
    workers = [
        context.Process(
            target=_write,
            args=(bundle, records[each::processes], [] if each else singles, each, ready, alone, queue),
        )
        for each in range(processes)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    begun = time.perf_counter()
    written = {number: (texts, cpu_s) for number, texts, cpu_s in (queue.get() for _ in workers)}
    seconds = time.perf_counter() - begun
    alone.wait()
    single_ms, compute_type = queue.get()
    for worker in workers:
        worker.join()
    texts = [""] * len(records)
    for each in range(processes):
        texts[each::processes] = written[each][0]
    cpu_s = sum(cpu_s for _, cpu_s in written.values())
    return RawOutcome(seconds, cpu_s, texts, single_ms, compute_type)


def _write(
    bundle: Path,
    records: Sequence[dict[str, str]],
    singles: Sequence[dict[str, str]],
    number: int,
    ready: Barrier,
    alone: Barrier,
    queue: Any,
) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    generator = Generator.load(open_bundle(bundle))
    generator.generate(records[:BATCH])
    ready.wait()
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    cpu = time.process_time()
    texts = [made.texts[0] for batch in batches for made in generator.generate(batch)]
    queue.put((number, texts, time.process_time() - cpu))
    alone.wait()
    if number:
        return
    single_ms = []
    for record in singles:
        started = time.perf_counter()
        generator.generate([record])
        single_ms.append((time.perf_counter() - started) * 1000)
    queue.put((single_ms, generator.compute_type))


def main() -> None:
    """Read the records, write for them, print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    arguments = parser.parse_args()
    given = json.load(sys.stdin)
    json.dump(asdict(run(arguments.bundle, given["records"], given["singles"])), sys.stdout)


if __name__ == "__main__":
    main()
