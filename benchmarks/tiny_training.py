"""A small T5 trained on a small sample feed in this process: what the sweep benchmark's trials do.

The same batches, steps and schedule as ``adcraft.training``, without Ray, MLflow or checkpoints, so a trial
costs seconds and its curve depends on its settings alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from adcraft.ad_copy.sample_feed.products import products
from adcraft.inference.codec import TextCodec
from adcraft.settings import Settings
from adcraft.training.base_model import scratch_config, write_base
from adcraft.training.batches import Row, collate, packed
from adcraft.training.dropout import quicken_dropout
from adcraft.training.masks import keep_examples_apart
from adcraft.training.optimizer import ScaledAdamW
from adcraft.training.precision import choose_precision
from adcraft.training.schedule import Budget, learning_rate
from adcraft.training.steps import train_step, validate
from adcraft.workloads import get_workload

_SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
_POOL = 2048
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class TinyFeed:
    """Encoded rows by split, and how many tokens the tokenizer has."""

    splits: Mapping[str, Sequence[Row]]
    vocabulary: int


def read_feed(settings: Settings, rows: int, folder: Path) -> TinyFeed:
    """The first ``rows`` products of a sample feed; ``folder`` keeps the tokenizer of its training rows."""
    workload = get_workload(settings.workload)
    records = (
        {**product._asdict(), "product_name": product.title, "target": product.ad, "target_field": "ad"}
        for product in products(rows=rows, seed=1)
    )
    taught = [e for record in records if (e := workload.target_example(record, workload.prompt_fields))]
    sizes = {split: round(share * len(taught)) for split, share in _SHARES.items()}
    stream = iter(taught)
    examples = {split: list(islice(stream, size)) for split, size in sizes.items()}
    if not folder.exists():
        texts = [text for example in examples["train"] for text in (example.source, example.target)]
        write_base(settings.model, workload.slot_tokens, lambda: texts, folder)
    codec = TextCodec.load(folder / "tokenizer.json")
    splits = {
        split: list(
            map(
                Row,
                codec.encode([example.source for example in part], settings.model.source_tokens),
                codec.encode([example.target for example in part], settings.model.target_tokens),
            )
        )
        for split, part in examples.items()
    }
    return TinyFeed(splits, len(codec.vocabulary))


def epochs(settings: Settings, feed: TinyFeed) -> Iterator[dict[str, float]]:
    """Train, and give the metrics of each epoch: those that a trial reports, and ``test_loss``."""
    train = settings.train
    torch.manual_seed(train.seed)
    model = T5ForConditionalGeneration(scratch_config(settings.model.scratch, feed.vocabulary))
    quicken_dropout(model, _CPU)
    keep_examples_apart(model)
    model.train()
    precision = choose_precision("float32", _CPU)
    optimizer = ScaledAdamW(model, weight_decay=train.weight_decay)
    rows = feed.splits["train"]
    budget = Budget(train.max_epochs, 0, len(rows))
    step = seen = 0
    for epoch in range(1, train.max_epochs + 1):
        summed, counted = 0.0, 0
        generator = random.Random(train.seed + epoch)
        order = generator.sample(rows, len(rows))
        for lines in packed(order, train.tokens_per_batch, pool=_POOL, generator=generator):
            batch = collate(lines, 0)
            rate = learning_rate(budget.progress(seen, 0), peak=train.learning_rate, warmup=train.warmup)
            loss, _ = train_step(
                model,
                optimizer,
                [batch],
                precision=precision,
                rate=rate,
                target_tokens=batch.target_tokens,
                smoothing=train.label_smoothing,
                clip_norm=train.clip_norm,
            )
            step += 1
            seen += sum(map(len, lines))
            summed += loss
            counted += batch.target_tokens
        held_out = {}
        for split in ("validation", "test"):
            batches = packed(
                feed.splits[split], train.tokens_per_batch, pool=_POOL, generator=random.Random(0)
            )
            held_out[f"{split}_loss"] = validate(model, (collate(lines, 0) for lines in batches), precision)
        yield {"epoch": float(epoch), "step": float(step), "train_loss": summed / counted, **held_out}
