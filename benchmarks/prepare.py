"""``ray_jobs prepare`` beside the same cleaning in one plain pandas process, on the same feed.

The feed is the Myntra catalogue repeated, with ids of its own for every row (so all but the first round of
it are duplicates), or the generated sample feed where that catalogue is not here. Both sides are warm and
take turns. Memory is that of every process of a fresh local Ray and its driver, added up four times a
second: proportional set size, which counts a page of the shared object store once, and resident set size,
which counts it once for each process that touched it.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from adcraft.ad_copy.sample_feed.products import Product, products
from adcraft.data.manifest import SPLITS
from adcraft.data.plan import plan_preparation
from adcraft.settings import DataSettings, load_settings
from adcraft.workloads import get_workload
from benchmarks import prepare_pandas
from benchmarks.report import Entry, write_report
from cluster.session import ray_session

ROOT = Path(__file__).parents[1]
_CATALOGUE = ROOT / "../shared/data/products/myntra_products_catalog.csv"
_GOAL_SPEED = 1.2
_GOAL_MEMORY = 1.3
_SAMPLE_S = 0.25


def main() -> None:
    """Run all comparisons and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare", description=__doc__)
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument(
        "--large", type=int, default=1_000_000, help="rows of the larger feed for memory; 0: none"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adcraft-bench-") as name:
        folder = Path(name)
        repeated = write_feed(folder / "repeated.csv", arguments.rows)
        distinct = write_feed(folder / "distinct.csv", arguments.rows, distinct=True)
        entries = race(folder, repeated, arguments.rows, arguments.rounds, late=True)
        entries += race(folder, distinct, arguments.rows, arguments.rounds, late=False)
        entries.append(whole_command(folder, repeated, arguments.rows))
        if arguments.large:
            large = write_feed(folder / "large.csv", arguments.large)
            entries += memory(folder, repeated, large, arguments.rows, arguments.large)
    write_report("prepare", entries)


def write_feed(path: Path, rows: int, *, distinct: bool = False) -> Path:
    """Write a CSV of ``rows`` rows; ``distinct`` puts a number into each name and description."""
    header, body = _catalogue()
    numbered = [
        header.index(name) for name in ("ProductName", "Description", "title", "ad") if name in header
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number, row in enumerate(itertools.islice(itertools.cycle(body), rows)):
            copy = [str(number), *row[1:]]
            if distinct:
                for column in numbered:
                    copy[column] = f"{copy[column]} No {number}"
            writer.writerow(copy)
    return path


def _catalogue() -> tuple[list[str], list[list[str]]]:
    if _CATALOGUE.exists():
        with _CATALOGUE.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        return header, rows
    print(f"{_CATALOGUE.name} is not here; the sample feed stands in for it.", file=sys.stderr)
    return list(Product._fields), [list(product) for product in products(rows=12_000, seed=1)]


def race(folder: Path, feed: Path, rows: int, rounds: int, *, late: bool) -> list[Entry]:
    """Both sides in turn, warm. With ``late`` pandas runs once more, cutting targets only after duplicates
    are dropped, as one might who knows that the feed is mostly duplicates.
    """
    cores = len(os.sched_getaffinity(0))
    seconds: dict[str, list[float]] = {"ray": [], "pandas": [], "late": []}
    out = folder / "pandas"
    with (
        ray_session(load_settings(overrides=[f"ray.num_cpus={cores}"])),
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as peer,
    ):
        for index in range(rounds + 1):
            version, spent = by_ray(folder, feed)
            turn = {"ray": spent}
            for side in ("pandas", *(["late"] if late else [])):
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                turn[side] = peer.submit(by_pandas, feed, out, targets_last=side == "late").result()
                if index == 0:  # the round that warms both sides up
                    check_same(version, out)
            shutil.rmtree(version)
            if index:
                for side, value in turn.items():
                    seconds[side].append(value)
                shown = ", ".join(f"{side} {value:.2f} s" for side, value in turn.items())
                print(f"{feed.stem} feed, round {index}: {shown}", file=sys.stderr, flush=True)
    rates = {side: rows / statistics.median(values) for side, values in seconds.items() if values}
    ratio = _ratio(seconds["pandas"], seconds["ray"])
    entries = [
        Entry(
            f"prepare over pandas, {rows:,} rows, {feed.stem} feed",
            ratio,
            _GOAL_SPEED,
            ratio >= _GOAL_SPEED,
            rounds,
            {"rows/s": rates["ray"], "pandas rows/s": rates["pandas"]},
        )
    ]
    if late:
        entries.append(
            Entry(
                "the same, where pandas cuts targets after it dropped duplicates (reported)",
                _ratio(seconds["late"], seconds["ray"]),
                None,
                None,
                rounds,
                {"rows/s": rates["ray"], "pandas rows/s": rates["late"]},
            )
        )
    return entries


def by_ray(folder: Path, feed: Path) -> tuple[Path, float]:
    """The version's folder, and seconds from the look at the feed to the published version."""
    from adcraft.data.preparation import prepare

    started = time.perf_counter()
    settings = DataSettings(source=str(feed), root=str(folder / "ray"))
    path = prepare(plan_preparation(settings, get_workload("ad_copy"))).dataset.path
    return path, time.perf_counter() - started


def by_pandas(feed: Path, out: Path, *, targets_last: bool) -> float:
    """Seconds from opening the feed to the last file written, in a process that is warm."""
    started = time.perf_counter()
    prepare_pandas.prepare(feed, out, targets_last=targets_last)
    return time.perf_counter() - started


def check_same(version: Path, out: Path) -> None:
    """Both sides kept the same rows, with the same texts, in the same splits and order."""
    for split in SPLITS:
        ours = pq.read_table(version / split)
        theirs = pq.read_table(out / f"{split}.parquet").select(ours.column_names).cast(ours.schema)
        if not ours.equals(theirs):
            raise SystemExit(f"The {split} splits differ: {ours.num_rows} and {theirs.num_rows} rows.")


def whole_command(folder: Path, feed: Path, rows: int) -> Entry:
    """As a user waits: interpreter, imports and the start of Ray included."""
    seconds: dict[str, list[float]] = {"ray": [], "pandas": []}
    out = folder / "whole"
    out.mkdir()
    for _ in range(2):
        for side, command in (
            ("ray", prepare_command(feed, folder / "whole-ray")),
            ("pandas", [sys.executable, "-m", "benchmarks.prepare_pandas", str(feed), str(out)]),
        ):
            started = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            seconds[side].append(time.perf_counter() - started)
        shutil.rmtree(folder / "whole-ray")
    return Entry(
        f"the whole command over pandas, {rows:,} rows, with Ray's start (reported)",
        _ratio(seconds["pandas"], seconds["ray"]),
        None,
        None,
        2,
        {"s": statistics.median(seconds["ray"]), "pandas s": statistics.median(seconds["pandas"])},
    )


def prepare_command(feed: Path, root: Path) -> list[str]:
    """The command a user types."""
    settings = [f"data.source={feed}", f"data.root={root}", f"ray.num_cpus={len(os.sched_getaffinity(0))}"]
    sets = [part for text in settings for part in ("--set", text)]
    return [sys.executable, "-m", "ray_jobs", "prepare", *sets]


def memory(folder: Path, small: Path, large: Path, rows: int, large_rows: int) -> list[Entry]:
    """Peak memory of all processes, at both sizes, each with a Ray of its own."""
    peaks = {
        feed: peak_memory(prepare_command(feed, folder / f"memory-{feed.stem}")) for feed in (small, large)
    }
    entries = []
    for index, kind in enumerate(("proportional", "resident")):
        at = {
            f"GiB at {count:,}": peaks[feed][index] / 2**30
            for feed, count in ((small, rows), (large, large_rows))
        }
        value = peaks[large][index] / peaks[small][index]
        claim = f"peak memory at {large_rows:,} rows over {rows:,}, {kind} (at most)"
        entries.append(Entry(claim, value, _GOAL_MEMORY, value <= _GOAL_MEMORY, 1, at))
    return entries


def peak_memory(command: Sequence[str]) -> tuple[int, int]:
    """The highest sums of proportional and of resident memory of a command and all below it, in bytes."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks = [0, 0]
    while process.poll() is None:
        samples = list(_memory_of(process.pid))
        for index in range(2):
            peaks[index] = max(peaks[index], sum(sample[index] for sample in samples))
        time.sleep(_SAMPLE_S)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    return peaks[0], peaks[1]


def _memory_of(pid: int) -> Iterator[tuple[int, int]]:
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:] if line}
        yield sizes.get("Pss:", 0), sizes.get("Rss:", 0)


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


if __name__ == "__main__":
    main()
