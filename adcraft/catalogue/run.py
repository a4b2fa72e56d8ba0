"""From a catalogue to a file of copy: chunks stream to a pool of engines, parts to the output.

A part that is there is not written again, so a job that was killed goes on where it was. Nothing here grows
with the catalogue but the list of slices.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from adcraft.catalogue.assembly import assemble
from adcraft.catalogue.plan import CataloguePlan, missing
from adcraft.catalogue.slicing import SliceCutter
from adcraft.catalogue.survey import Slice
from adcraft.catalogue.writing import PartWriter
from adcraft.data.parts import FeedDatasource
from adcraft.data.streaming import READ_CPUS, rows, streaming_context
from adcraft.errors import ClusterError, StorageError
from adcraft.inference.bundle import sha256

if TYPE_CHECKING:
    import ray.data

log = logging.getLogger(__name__)

_RESULT = "result.json"
_EVERY_S = 10.0


@dataclass(frozen=True)
class Copy:
    """What came out.

    Attributes:
        rows: of the feed, and of the output.
        failed: rows of them without copy; the column ``error`` says why.
        sha256: of the output.
        upload_sha256: of the upload; "" where there is none.
    """

    rows: int
    failed: int
    sha256: str
    upload_sha256: str = ""


def done_before(plan: CataloguePlan) -> Copy | None:
    """What an earlier job made of the same, if all that it wrote is there unchanged."""
    try:
        copy = Copy(**json.loads((plan.folder / _RESULT).read_text("utf-8")))
        return copy if _digests(plan) == (copy.sha256, copy.upload_sha256) else None
    except (OSError, ValueError, TypeError):
        return None


def write_missing(plan: CataloguePlan) -> None:
    """Write every part that is missing, on the connected Ray.

    Raises:
        FeedError: a file can't be read any more.
        BundleError, SettingsError: an engine could not load the model.
        ClusterError: there is no room for an engine.
        StorageError: the disk is full, or ``home`` can't be written.
    """
    wanted = set(missing(plan))
    slices = [each for each in plan.survey.slices() if each.name in wanted]
    progress = _TimeLeft(plan.survey.rows, sum(each.stop - each.start for each in slices))
    plan.parts.mkdir(parents=True, exist_ok=True)
    engines = _engines(plan.settings.workers, len(slices))
    log.info("%d engines of one thread each write by version %s", engines.count, plan.version.version)
    with streaming_context():
        for row in rows(_pipeline(plan, slices, engines)):
            progress.add(row["rows"])
            wanted.discard(row["name"])
    progress.tell()
    if wanted:
        raise RuntimeError(f"Ray Data lost {len(wanted)} slices, among them {min(wanted)}")


def finish(plan: CataloguePlan) -> Copy:
    """Put the parts together, note what came out, and remove them.

    Raises:
        StorageError: the output can't be written.
    """
    failed = assemble(plan)
    copy = Copy(plan.survey.rows, failed, *_digests(plan))
    aside = plan.folder / f"{_RESULT}.{os.getpid()}"
    aside.write_text(json.dumps(asdict(copy)), encoding="utf-8")
    aside.replace(plan.folder / _RESULT)
    shutil.rmtree(plan.parts)
    return copy


@contextmanager
def alone(plan: CataloguePlan) -> Iterator[None]:
    """Hold the job's folder; a job that died holds nothing.

    Raises:
        ClusterError: another job is writing the very same.
        StorageError: the folder can't be made.
    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(plan.folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise ClusterError(
            f"Another job is writing the same copy now (it holds {plan.folder}). Wait for it, or stop it."
        ) from None
    except OSError as error:
        raise StorageError(f"The folder {plan.folder} can't be written: {error.strerror or error}.") from None
    try:
        yield
    finally:
        lock.release()


def _digests(plan: CataloguePlan) -> tuple[str, str]:
    return sha256(plan.output), sha256(plan.upload) if plan.upload else ""


def _pipeline(plan: CataloguePlan, slices: list[Slice], engines: _Engines) -> ray.data.Dataset:
    import ray
    from ray.data import ActorPoolStrategy

    of_chunk: dict[tuple[int, int], list[Slice]] = {}
    for each in slices:
        of_chunk.setdefault((each.file, each.chunk), []).append(each)
    cutter = SliceCutter([file.parser for file in plan.feed.files], plan.rules, of_chunk)
    cut = ray.data.read_datasource(FeedDatasource(plan.feed.files), num_cpus=READ_CPUS).map_batches(
        cutter, batch_size=None, batch_format="pyarrow", num_cpus=READ_CPUS
    )
    written: ray.data.Dataset = cut.map_batches(
        PartWriter,
        fn_constructor_args=(plan.bundle.path, plan.parts, plan.columns, plan.form, plan.settings),
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=engines.cpus,
        compute=ActorPoolStrategy(size=engines.count),
    )
    return written


@dataclass(frozen=True)
class _Engines:
    """How many, and the logical CPUs that each takes."""

    count: int
    cpus: float


def _engines(wanted: int, slices: int) -> _Engines:
    """One of one thread for each CPU that is free: two of one thread each write more than one of two.

    Raises:
        ClusterError: there is never room for so many.
    """
    import ray

    total = ray.cluster_resources().get("CPU", 0.0)
    if max(1, wanted) > total:
        raise ClusterError(
            f"generate.workers = {wanted}: the cluster has {total:g} logical CPUs, and each engine takes "
            "about one. Use fewer, or 0 for as many as there is room for."
        )
    free = ray.available_resources().get("CPU", 0.0)
    if free < 1:
        log.warning("all %g logical CPUs of the cluster are taken; waiting for one", total)
    count = min(wanted or max(1, int(free)), max(1, slices))
    share = (max(free, 1.0) - READ_CPUS) / count
    return _Engines(count, round(max(READ_CPUS, min(1.0, share)) - 5e-5, 4))


class _TimeLeft:
    """Logs rows that are done, rows per second and the time left, every few seconds."""

    def __init__(self, rows: int, missing: int) -> None:
        self._rows, self._missing = rows, missing
        self._written = 0
        self._begun = self._told = time.monotonic()
        if missing < rows:
            log.info("going on: %s of %s rows are written", f"{rows - missing:,}", f"{rows:,}")

    def add(self, rows: int) -> None:
        """Count rows that are written."""
        self._written += rows
        if time.monotonic() - self._told >= _EVERY_S:
            self.tell()

    def tell(self) -> None:
        """Log it now."""
        self._told = time.monotonic()
        seconds = max(self._told - self._begun, 1e-9)
        rate = self._written / seconds
        left = (self._missing - self._written) / rate if rate else 0.0
        done = self._rows - self._missing + self._written
        log.info(
            "%s of %s rows, %.1f rows/s, about %s left", f"{done:,}", f"{self._rows:,}", rate, _clock(left)
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
