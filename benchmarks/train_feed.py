"""What all sides of the training benchmark read: a base model, encoded rows and a plan, in one folder."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adcraft.data.plan import plan_preparation
from adcraft.inference.bundle import PromptSettings
from adcraft.inference.codec import TextCodec
from adcraft.settings import DataSettings, ModelSettings
from adcraft.training.base_model import write_base
from adcraft.training.batches import Row
from adcraft.training.encoding import TRAINING_SPLITS
from adcraft.training.plan import TrainingPlan
from adcraft.workloads import get_workload

SOURCE_TOKENS, TARGET_TOKENS = 128, 64
_CATALOGUE = Path(__file__).parents[1] / "../shared/data/products/myntra_products_catalog.csv"
_SAMPLE_ROWS = 12_000


@dataclass(frozen=True)
class Feed:
    """A folder with ``base/``, ``<split>/rows.parquet`` and ``plan.json``.

    Attributes:
        folder: where.
        name: of the products.
    """

    folder: Path
    name: str

    @property
    def plan(self) -> TrainingPlan:
        """What both sides do."""
        content = json.loads((self.folder / "plan.json").read_text())
        return TrainingPlan.from_config({**content, "sample_sources": ()})

    def rows(self, split: str) -> list[Row]:
        """All rows of a split."""
        table = pq.read_table(self.folder / split / "rows.parquet")
        return list(map(Row, table["source"].to_pylist(), table["target"].to_pylist()))

    def shortened(self, folder: Path, rows: int) -> Feed:
        """The same in ``folder``, of the first ``rows`` training rows alone."""
        (folder / "train").mkdir(parents=True)
        (folder / "validation").symlink_to(self.folder / "validation")
        table = pq.read_table(self.folder / "train" / "rows.parquet").slice(0, rows)
        pq.write_table(table, folder / "train" / "rows.parquet")
        (folder / "plan.json").write_text(json.dumps(replace(self.plan, rows=len(table)).as_config()))
        return Feed(folder, self.name)


def write_feed(folder: Path, rows: int, *, threads: int, tokens_per_batch: int) -> Feed:
    """Prepare and encode the Myntra catalogue, or the sample feed where that is not here, on the connected
    Ray; the model is the scratch T5 of the default settings, with a tokenizer of the feed.

    Args:
        folder: exists.
        rows: to train on, at most.
        threads: torch threads of a process that has all cores.
        tokens_per_batch: of such a process.
    """
    from adcraft.data.preparation import prepare

    source, name = _source(folder)
    workload = get_workload("ad_copy")
    settings = DataSettings(source=str(source), root=str(folder / "data"))
    dataset = prepare(plan_preparation(settings, workload)).dataset
    prompt = PromptSettings(
        fields=workload.prompt_fields,
        source_tokens=SOURCE_TOKENS,
        target_tokens=TARGET_TOKENS,
        tasks=("body",),
    )
    taught = {
        split: [
            example
            for row in dataset.rows(split)
            if (example := workload.target_example(row, prompt.fields))  # the descriptions, as they are
        ]
        for split in TRAINING_SPLITS
    }
    texts = [text for example in taught["train"] for text in (example.source, example.target)]
    write_base(ModelSettings(), workload.slot_tokens, lambda: texts, folder / "base")
    codec = TextCodec.load(folder / "base" / "tokenizer.json")
    for split, all_examples in taught.items():
        kept = all_examples[:rows]
        kind = pa.list_(pa.int32())
        (folder / split).mkdir()
        table = pa.table(
            {
                "source": pa.array(codec.encode([e.source for e in kept], SOURCE_TOKENS), kind),
                "target": pa.array(codec.encode([e.target for e in kept], TARGET_TOKENS), kind),
            }
        )
        pq.write_table(table, folder / split / "rows.parquet")
    plan = TrainingPlan(
        base=str(folder / "base"),
        pretrained=False,
        rows=min(rows, len(taught["train"])),
        epochs=1,
        seconds=0,
        patience=0,
        threads=threads,
        workers=1,
        strategy="ddp",
        compile=False,
        adapters=None,
        tokens_per_batch=tokens_per_batch,
        accumulate=1,
        learning_rate=0.02,
        warmup=0.05,
        weight_decay=0.01,
        label_smoothing=0.0,
        clip_norm=1.0,
        precision="float32",
        gradient_checkpointing=False,
        seed=7,
        target_tokens=TARGET_TOKENS,
        sample_sources=(),
    )
    (folder / "plan.json").write_text(json.dumps(plan.as_config()))
    return Feed(folder, name)


def _source(folder: Path) -> tuple[Path, str]:
    if _CATALOGUE.exists():
        return _CATALOGUE, "Myntra"
    from adcraft.ad_copy.sample_feed.feed import write_feed as write_sample

    print(f"{_CATALOGUE.name} is not here; the sample feed stands in for it.", file=sys.stderr)
    write_sample(folder / "feed.csv", _SAMPLE_ROWS, 1)
    return folder / "feed.csv", "sample"
