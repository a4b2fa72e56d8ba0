"""From a prepared split to token ids: once per dataset, tokenizer and prompt, then read every epoch."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock

from adcraft.data.dataset import PreparedDataset
from adcraft.errors import TrainingError
from adcraft.inference.bundle import PromptSettings
from adcraft.inference.codec import TextCodec
from adcraft.tracking.provenance import code_digest
from adcraft.training.heartbeat import told
from adcraft.training.resources import DATA_CPUS
from adcraft.workload import Example, Record, Workload
from adcraft.workloads import get_workload

if TYPE_CHECKING:
    import ray.data

_CODE = ("adcraft.training.encoding", "adcraft.inference.codec")
"""What decides, beside the workload, which ids a row becomes."""
_TOKENS_IN_MEMORY = 50_000_000  # 200 MB
TRAINING_SPLITS = ("train", "validation")
SCHEMA = pa.schema([("source", pa.list_(pa.int32())), ("target", pa.list_(pa.int32()))])


@dataclass(frozen=True)
class EncodedSplit:
    """A split as token ids, in Parquet: columns ``source`` and ``target``, lists of int32.

    Attributes:
        folder: of the files.
        rows: examples.
        tokens: of sources and targets.
        target_ids: ids that a target has, each once.
    """

    folder: Path
    rows: int
    tokens: int
    target_ids: frozenset[int] = frozenset()

    def sources(self, count: int) -> list[list[int]]:
        """What ``count`` examples read, or all if there are fewer, taken evenly over the split."""
        stride = max(1, self.rows // count)
        taken: list[list[int]] = []
        passed = 0
        for file in sorted(self.folder.glob("*.parquet")):
            for batch in pq.ParquetFile(file).iter_batches(columns=["source"]):
                taken += batch.column("source")[-passed % stride :: stride].to_pylist()
                passed += batch.num_rows
        return taken[:count]

    def read(self) -> ray.data.Dataset:
        """Stream it by Ray Data, beside workers that hold most CPUs. What is small enough is read here
        and streamed from Ray's memory, so that neither the run nor an epoch waits for tasks to start.
        """
        import ray.data

        files = sorted(self.folder.glob("*.parquet"))
        if self.tokens > _TOKENS_IN_MEMORY:
            return in_order(files)
        _keep_quiet()
        dataset: ray.data.Dataset = ray.data.from_blocks([pq.read_table(file) for file in files])
        return dataset


def examples(
    files: Sequence[Path], workload: Workload, prompt: PromptSettings, *, limit: int = 0
) -> Iterator[Example]:
    """What the rows of ``files`` teach, one row group in memory at a time; of about ``limit`` rows,
    taken evenly over all, where it is not 0.
    """
    total = sum(pq.read_metadata(file).num_rows for file in files)
    stride = max(1, total // limit) if limit else 1
    index = 0
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                index += 1
                if index % stride == 0:
                    yield from taught(record, workload, prompt)


def taught(record: Record, workload: Workload, prompt: PromptSettings) -> list[Example]:
    """What a record teaches of the tasks that are learnt."""
    return [each for each in workload.examples(record, prompt.fields) if prompt.learns(each.task)]


def encode(
    dataset: PreparedDataset, workload: Workload, tokenizer: Path, prompt: PromptSettings, root: Path
) -> dict[str, EncodedSplit]:
    """Encode the training splits by Ray Data, or find them encoded under ``root``.

    Raises:
        TrainingError: no row of a split teaches anything.
    """
    code = code_digest(*workload.code, *_CODE)
    content = json.dumps([dataset.version, workload.name, prompt.model_dump(), code], sort_keys=True)
    key = hashlib.sha256(tokenizer.read_bytes() + content.encode()).hexdigest()[:16]
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{key}.lock"):  # runs of one sweep start together
        for split in TRAINING_SPLITS:
            if not (root / key / split).exists():
                with told(f"encoding the {split} split"):
                    _write(dataset.split_files(split), workload, tokenizer, prompt, root / key / split)
    return {
        split: open_split(root / key / split, f"{split} split of {dataset.path}") for split in TRAINING_SPLITS
    }


def _write(
    files: Sequence[Path], workload: Workload, tokenizer: Path, prompt: PromptSettings, folder: Path
) -> None:
    from adcraft.training.parquet_sink import OrderedParquetSink

    aside = folder.with_name(f".{folder.name}-partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    in_order(files).map_batches(
        functools.partial(_encode_batch, workload=workload.name, tokenizer=str(tokenizer), prompt=prompt),
        batch_format="pyarrow",
        batch_size=1024,
        num_cpus=DATA_CPUS,
    ).write_datasink(OrderedParquetSink(aside, SCHEMA), ray_remote_args={"num_cpus": DATA_CPUS})
    aside.rename(folder)


def open_split(folder: Path, what: str) -> EncodedSplit:
    """The encoded split in ``folder``, counted.

    Raises:
        TrainingError: it is empty; ``what`` is what was encoded, for people.
    """
    files = sorted(folder.glob("*.parquet"))
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    if not rows:
        raise TrainingError(
            f"No row of the {what} teaches anything: every target is empty, or leans on numbers that the "
            "product does not give."
        )
    tokens, target_ids = 0, set()
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches():
            source, target = batch.column("source").flatten(), batch.column("target").flatten()
            tokens += len(source) + len(target)
            target_ids.update(pc.unique(target).to_pylist())
    return EncodedSplit(folder, rows, tokens, frozenset(target_ids))


def in_order(files: Sequence[Path]) -> ray.data.Dataset:
    """The rows of Parquet files, as a stream that keeps their order, read beside workers that hold most
    CPUs.
    """
    import ray.data

    _keep_quiet()
    stream = ray.data.read_parquet([str(path) for path in files], num_cpus=DATA_CPUS)
    # Without this, tasks that overtake each other swap their rows, and the same run gives another model.
    stream.context.execution_options.preserve_order = True
    return stream


def _keep_quiet() -> None:
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # its every step would be on the terminal


def _encode_batch(table: pa.Table, workload: str, tokenizer: str, prompt: PromptSettings) -> pa.Table:
    rules, codec = get_workload(workload), _codec(tokenizer)
    learnt = [example for record in table.to_pylist() for example in taught(record, rules, prompt)]
    return pa.table(
        {
            "source": codec.encode([example.source for example in learnt], prompt.source_tokens),
            "target": codec.encode([example.target for example in learnt], prompt.target_tokens),
        },
        schema=SCHEMA,
    )


@functools.lru_cache(maxsize=2)
def _codec(tokenizer: str) -> TextCodec:
    return TextCodec.load(Path(tokenizer))
