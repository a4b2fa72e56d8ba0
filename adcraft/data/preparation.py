"""From a feed to a version: look at it, judge each row once, decide over the whole set, write, publish.

Rows stream through Ray Data; the driver holds 32 bytes of each row and no text. Nothing here depends on
the number of CPUs: parts are put in the order of the feed before anything is decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa

from adcraft.data.accounting import build_manifest, first_rejected
from adcraft.data.dataset import PreparedDataset
from adcraft.data.manifest import RowCounts
from adcraft.data.parts import FeedDatasource, Part, PartWriter, bad_file, read_part
from adcraft.data.plan import Plan
from adcraft.data.progress import Progress
from adcraft.data.refining import counted_columns, refined_schema
from adcraft.data.report import render
from adcraft.data.routing import first_row_numbers, rejected_shards, split_shards
from adcraft.data.shards import Shard, ShardWriter, WrittenShard
from adcraft.data.splitting import assign
from adcraft.data.storage import disk_errors_explained
from adcraft.data.streaming import READ_CPUS, rows, streaming_context, work_cpus
from adcraft.data.workspace import Workspace, workspace
from adcraft.errors import FeedError
from adcraft.job_metrics import JobMetrics
from adcraft.metric_names import PREPARE_ROWS


@dataclass(frozen=True)
class Prepared:
    """What came out.

    Attributes:
        dataset: the version.
        reused: whether it had been there before.
        report: for people.
    """

    dataset: PreparedDataset
    reused: bool
    report: str


def prepare(plan: Plan) -> Prepared:
    """Prepare on the connected Ray.

    Raises:
        FeedError: a file can't be read, or no row of the feed is good.
        StorageError: the dataset can't be written.
    """
    files = plan.feed.files
    with workspace(plan.settings.root, plan.settings.name) as space, streaming_context():
        parts = _first_pass(plan, space)
        keys = np.concatenate([part.keys for part in parts])
        if not len(keys):
            raise _nothing_good(plan, parts, space)
        assignment = assign(keys, plan.settings.split)
        shards = [
            *split_shards(files, space.parts, parts, assignment),
            *rejected_shards(files, space.parts, parts),
        ]
        written = _second_pass(plan, space, shards)
        manifest = build_manifest(plan, parts, assignment, written)
        with disk_errors_explained():
            report = render(manifest, first_rejected(space.dataset))
            dataset, reused = space.publish(manifest, report)
        _count_rows(manifest.rows)
        return Prepared(dataset, reused, report)


def _first_pass(plan: Plan, space: Workspace) -> list[Part]:
    """Judge every row; the parts in the order of the feed."""
    import ray

    files = plan.feed.files
    progress = Progress("judged")
    writer = PartWriter([file.parser for file in files], plan.rules, str(space.parts))
    dataset = ray.data.read_datasource(FeedDatasource(files), num_cpus=READ_CPUS).map_batches(
        writer,
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
        num_cpus=work_cpus(ray.cluster_resources().get("CPU", 1.0)),
    )
    parts = []
    for row in rows(dataset):
        parts.append(read_part(row))
        progress.add(parts[-1].count)
    progress.done()
    parts.sort(key=lambda part: (part.file, part.chunk))
    for file, group in groupby(parts, key=lambda part: part.file):
        chunks = [part.chunk for part in group]
        if chunks != list(range(len(chunks))):
            raise RuntimeError(f"Ray Data lost or doubled a chunk of {files[file].name}: {chunks}")
    return parts


def _second_pass(plan: Plan, space: Workspace, shards: Sequence[Shard]) -> list[WrittenShard]:
    """Write the dataset's files; what was written, in the order of their paths."""
    import ray

    writer = ShardWriter(str(space.dataset), refined_schema(plan.workload), counted_columns(plan.workload))
    dataset = ray.data.from_items(
        [{"shard": shard} for shard in shards], override_num_blocks=len(shards)
    ).map(writer, num_cpus=work_cpus(ray.cluster_resources().get("CPU", 1.0)))
    return sorted((row["written"] for row in rows(dataset)), key=lambda shard: shard.path)


def _count_rows(rows: RowCounts) -> None:
    metrics = JobMetrics()
    for outcome, count in (("kept", rows.kept), ("rejected", rows.rejected), ("duplicate", rows.duplicates)):
        metrics.record(PREPARE_ROWS, count, outcome=outcome)


def _nothing_good(plan: Plan, parts: Sequence[Part], space: Workspace) -> FeedError:
    where = plan.feed.location
    rows_in = sum(part.count for part in parts)
    if not rows_in:
        return FeedError(f"The feed {where} has no rows: nothing follows its header.")
    reasons: Counter[str] = sum((Counter(part.reasons) for part in parts), Counter())
    listed = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(5))
    index = next(index for index, part in enumerate(parts) if part.bad)
    with pa.memory_map(str(bad_file(space.parts, parts[index]))) as source:
        first = pa.ipc.open_file(source).read_all().slice(0, 1).to_pylist()[0]
    number = first_row_numbers(parts)[index] + first["position"]
    name = plan.feed.files[parts[index].file].name
    return FeedError(
        f"None of the {rows_in:,} rows of the feed {where} can be used: {listed}. The first, {name}:{number} "
        f"({first['detail']}): {first['source'][:200]}"
    )
