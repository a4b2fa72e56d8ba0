"""What a teacher writes in the place of the texts that a dataset has (Kim and Rush, "Sequence-Level Knowledge
Distillation", 2016): for each prompt of an encoded split its own greedy text.

A pool of engines writes slice after slice, each a Parquet file. A slice that is there is not written again,
so a job that was killed goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from adcraft.data.aside import written_aside
from adcraft.data.storage import disk_errors_explained
from adcraft.errors import ClusterError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import Engine
from adcraft.inference.engine_choice import open_engine
from adcraft.tracking.provenance import code_digest
from adcraft.training.encoding import SCHEMA, EncodedSplit, open_split
from adcraft.training.heartbeat import told
from adcraft.training.resources import DATA_CPUS

log = logging.getLogger(__name__)

_CODE = ("adcraft.training.teaching", "adcraft.inference.engine")
"""What decides, beside teacher and prompts, what is taught."""
_SLICE_ROWS = 1024
_BATCH = 32
_RESTARTS = 3  # of an engine whose process or node was lost


@dataclass(frozen=True)
class Slice:
    """Some rows of an encoded split.

    Attributes:
        file: that they are in.
        group: its row group.
        start: first of the group's rows.
        name: of the file that the teacher's texts go to.
    """

    file: Path
    group: int
    start: int
    name: str


def taught_split(teacher: Bundle, split: EncodedSplit, root: Path) -> EncodedSplit:
    """The prompts of ``split``, each with what ``teacher`` writes; written on the connected Ray, or found
    below ``root``. Prompts that it writes nothing for are left out.

    Args:
        teacher: reads and writes with the split's tokenizer.
        split: of prompts that end in ``</s>``.
        root: of all such splits.

    Raises:
        BundleError: an engine could not load the teacher.
        ClusterError: engines were lost again and again.
        StorageError: the disk is full, or ``root`` can't be written.
        TrainingError: the teacher writes nothing at all.
    """
    files = teacher.manifest.files
    encoded = f"{split.folder.parent.name}/{split.folder.name}"
    content = [encoded, files, teacher.manifest.prompt.target_tokens, code_digest(*_CODE)]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    folder = root / key
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        missing = [each for each in slices(split) if not (folder / each.name).exists()]
        if missing:
            _write(teacher, missing, folder)
    return open_split(folder, f"{split.folder.name} split, as the teacher writes it,")


def slices(split: EncodedSplit) -> Iterator[Slice]:
    """A split cut into pieces of a minute or so of an engine's time."""
    count = 0
    for file in sorted(split.folder.glob("*.parquet")):
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            for start in range(0, metadata.row_group(group).num_rows, _SLICE_ROWS):
                yield Slice(file, group, start, f"part-{count:06}.parquet")
                count += 1


def write_texts(
    engine: Engine, sources: Sequence[Sequence[int]], max_tokens: int, eos_id: int
) -> list[list[int]]:
    """What an engine writes for each source, ending in ``</s>``, at most ``max_tokens`` of them. Sources of
    like length are written for together, since texts of like prompts tend to end together.
    """
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    texts: list[list[int]] = [[] for _ in sources]
    for first in range(0, len(order), _BATCH):
        batch = order[first : first + _BATCH]
        decoded = engine.decode([sources[index] for index in batch], max_tokens=max_tokens, variants=1)
        for index, hypotheses in zip(batch, decoded, strict=True):
            texts[index] = [*hypotheses[0].ids[: max_tokens - 1], eos_id]
    return texts


def _write(teacher: Bundle, missing: Sequence[Slice], folder: Path) -> None:
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util import ActorPool

    from adcraft.training.faults import explained_cause

    free = int(ray.available_resources().get("CPU", 0))
    engine = ray.remote(
        num_cpus=1 if free else DATA_CPUS, max_restarts=_RESTARTS, max_task_retries=_RESTARTS
    )(_Teacher)
    engines: list[Any] = [
        engine.remote(teacher.path, folder, teacher.manifest.prompt.target_tokens)
        for _ in range(max(1, min(free, len(missing))))
    ]
    rows = 0
    log.info("%d slice(s) of at most %d prompts by %d engine(s)", len(missing), _SLICE_ROWS, len(engines))
    try:
        with told("writing what the teacher teaches", lambda: f"{rows:,} prompts done"):
            pool: Any = ActorPool(engines)
            for written in pool.map_unordered(lambda actor, each: actor.write.remote(each), missing):
                rows += written
    except RayTaskError as error:
        raise explained_cause(error) or error from None
    except RayError as error:
        reason = next(iter(str(error).splitlines()), "").rstrip(". ") or type(error).__name__
        raise explained_cause(error) or ClusterError(
            f"An engine that wrote as the teacher was lost, after {_RESTARTS} restarts or for good: "
            f"{reason}. Look at the memory and the nodes of the cluster, and run it again to go on."
        ) from None
    finally:
        for actor in engines:
            ray.kill(actor)  # else its CPU comes back whenever the garbage is collected


class _Teacher:
    """One engine of the pool; loaded at its first slice, since what a constructor raises reaches nobody but
    as the death of its process.
    """

    def __init__(self, bundle: Path, folder: Path, max_tokens: int) -> None:
        self._bundle = bundle
        self._folder = folder
        self._max_tokens = max_tokens

    @functools.cached_property
    def _loaded(self) -> tuple[Engine, int]:
        bundle = open_bundle(self._bundle)
        codec = TextCodec.load(bundle.tokenizer)
        return open_engine(bundle, codec), codec.eos_id

    def write(self, each: Slice) -> int:
        """Write a slice's file; returns the prompts that it was for."""
        engine, eos_id = self._loaded
        rows = pq.ParquetFile(each.file).read_row_group(each.group, columns=["source"])
        sources = rows.column("source").slice(each.start, _SLICE_ROWS).to_pylist()
        texts = write_texts(engine, sources, self._max_tokens, eos_id)
        taught = [(source, text) for source, text in zip(sources, texts, strict=True) if len(text) > 1]
        columns = {"source": [source for source, _ in taught], "target": [text for _, text in taught]}
        with disk_errors_explained(), written_aside(self._folder / each.name, "teacher's texts") as partial:
            pq.write_table(pa.table(columns, schema=SCHEMA), partial, compression="zstd")
        return len(sources)
