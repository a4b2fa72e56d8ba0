"""Where every row went, and what the kept ones are like: the manifest of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from adcraft.data.manifest import (
    REJECTED,
    SPLITS,
    Lengths,
    Manifest,
    RowCounts,
    Source,
    SourceFile,
    Split,
)
from adcraft.data.parts import Part
from adcraft.data.plan import Plan
from adcraft.data.refining import PRODUCT_KEY, SOURCE_ROW, TARGET_FIELD, refined_schema
from adcraft.data.shards import ColumnCounts, WrittenShard, split_schema
from adcraft.data.splitting import Assignment

_NOT_CONTENT = {"source", "root", "name", "version"}
_NOT_TEXTS = {TARGET_FIELD, PRODUCT_KEY, SOURCE_ROW}


def build_manifest(
    plan: Plan, parts: Sequence[Part], assignment: Assignment, written: Sequence[WrittenShard]
) -> Manifest:
    """The manifest, with its version.

    Args:
        plan: what was prepared.
        parts: all of the feed.
        assignment: of the parts' good rows.
        written: all files of the dataset.
    """
    counts = ColumnCounts()
    for shard in written:
        counts.add(shard.counts)
    read = sum(part.count for part in parts)
    rejected = sum(part.bad for part in parts)
    rows_of = {
        split: sum(shard.file.rows for shard in written if shard.path.startswith(f"{split}/"))
        for split in (*SPLITS, REJECTED)
    }
    kept = sum(rows_of[split] for split in SPLITS)
    duplicates = int(np.count_nonzero(assignment.split < 0))
    if read != kept + rejected + duplicates or rejected != rows_of[REJECTED]:
        raise RuntimeError(
            f"{read} rows in, but {kept} kept + {rejected} rejected + {duplicates} duplicates, and "
            f"{rows_of[REJECTED]} written as rejected"
        )
    fractions = plan.settings.split.model_dump()
    return Manifest(
        workload=plan.workload.name,
        source=Source(location=plan.settings.source, files=_source_files(plan, parts)),
        settings=plan.settings.model_dump(mode="json", exclude=_NOT_CONTENT),
        columns={field.name: str(field.type) for field in split_schema(refined_schema(plan.workload))},
        rows=RowCounts.model_validate(
            {"in": read, "kept": kept, "rejected": rejected, "duplicates": duplicates}
        ),
        reasons=_by_count(Counter[str](), [part.reasons for part in parts]),
        blanked=_by_count(Counter[str](), [part.blanked for part in parts]),
        nulls={name: count for name, count in counts.nulls.items() if name not in _NOT_TEXTS},
        lengths={
            name: _lengths(counts.lengths[name], counts.longest[name])
            for name in counts.nulls
            if name in counts.lengths and name not in _NOT_TEXTS
        },
        target_fields=_by_count(counts.values.get(TARGET_FIELD, Counter()), []),
        values={
            name: _by_count(values, []) for name, values in counts.values.items() if name != TARGET_FIELD
        },
        largest_product=assignment.largest_product,
        split_seed=plan.settings.split.seed,
        splits={
            split: Split(fraction=fractions[split], rows=rows_of[split], products=products)
            for split, products in zip(SPLITS, assignment.products, strict=True)
        },
        files={shard.path: shard.file for shard in written},
    ).with_version()


def first_rejected(folder: Path, count: int = 5) -> list[dict[str, Any]]:
    """The first rejected rows of each reason, at most ``count`` of them in all."""
    seen: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / REJECTED).glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    seen.setdefault(row["reason"], row)
    return list(seen.values())[:count]


def _source_files(plan: Plan, parts: Sequence[Part]) -> tuple[SourceFile, ...]:
    rows: Counter[int] = Counter()
    for part in parts:
        rows[part.file] += part.count
    files = []
    for index, (file, mapping) in enumerate(zip(plan.feed.files, plan.mappings, strict=True)):
        used = {column for columns in mapping.values() for column in columns}
        files.append(
            SourceFile(
                name=file.name,
                format=file.format,
                bytes=file.size_bytes,
                rows=rows[index],
                encoding=file.encoding,
                delimiter=file.delimiter,
                columns=dict(mapping),
                unused=tuple(column for column in file.header if column not in used),
            )
        )
    return tuple(files)


def _by_count(total: Counter[str], counts: Sequence[dict[str, int]]) -> dict[str, int]:
    for count in counts:
        total.update(count)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _lengths(counts: npt.NDArray[np.int64], longest: int) -> Lengths:
    below = np.cumsum(counts)

    def quantile(share: float) -> int:
        length = int(np.searchsorted(below, share * below[-1]))
        return length if length < len(counts) - 1 else longest

    return Lengths(median=quantile(0.5), p95=quantile(0.95), longest=longest)
