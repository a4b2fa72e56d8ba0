"""A model of a few thousand weights that has learnt one pattern, for tests of whatever uses a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.inference.bundle import Bundle, DatasetReference, PromptSettings, RunReference, seal_bundle
from adcraft.inference.codec import TextCodec
from adcraft.registry import ModelVersion, Registry
from adcraft.settings import ScratchSettings
from adcraft.workload import Example
from adcraft.workloads import get_workload

if TYPE_CHECKING:
    import torch

DATASET = DatasetReference(name="products", version="0123456789abcdef")
_NAMES = ("Shoes", "Red Kurta", "Linen Shirt", "Wool Scarf", "Running Shoes", "Tea Pot", "Desk Lamp", "Bag")
_BRANDS = ("Nike", "Aera", "Solvex", None)
_MOST_STEPS, _LEARNT = 400, 0.01


def write_tiny_bundle(folder: Path, run: RunReference, opening: str = "Meet") -> Bundle:
    """Train for a second or two to write ``<opening> <name> by <brand>.``, and seal the bundle in
    ``folder``.
    """
    import torch
    from transformers import T5ForConditionalGeneration

    from adcraft.training.base_model import scratch_config
    from adcraft.training.bundling import try_engine
    from adcraft.training.conversion import convert
    from adcraft.training.tokenizer import train_tokenizer

    workload = get_workload("ad_copy")
    examples = _examples(opening)
    texts = [text for example in examples for text in (example.source, example.target)]
    tokenizer = train_tokenizer(texts, 160, workload.slot_tokens)
    folder.mkdir(parents=True)
    tokenizer.save_pretrained(folder / "model")
    codec = TextCodec.load(folder / "model" / "tokenizer.json")
    torch.manual_seed(0)
    shape = ScratchSettings(vocabulary=160, d_model=32, d_ff=64, heads=2, layers=1, dropout=0)
    model = T5ForConditionalGeneration(scratch_config(shape, len(tokenizer)))
    sources = _padded(codec.encode([example.source for example in examples], 64), 0)
    targets = _padded(codec.encode([example.target for example in examples], 64), -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more cost more than they give at this size
    for step in range(_MOST_STEPS):
        loss = model(input_ids=sources, attention_mask=sources.ne(0).long(), labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - step / _MOST_STEPS)
        optimizer.step()
        if loss.item() < _LEARNT:
            break
    torch.set_num_threads(threads)
    model.eval()
    model.save_pretrained(folder / "model")
    convert(model, codec.vocabulary, folder / "engine")
    try_engine(
        folder,
        codec,
        slot_tokens=workload.slot_tokens,
        target_ids=set(targets[targets >= 0].tolist()),
        sources=codec.encode([example.source for example in examples], 64),
        max_tokens=32,
    )
    return seal_bundle(
        folder,
        workload="ad_copy",
        base="scratch",
        dataset=DATASET,
        run=run,
        prompt=PromptSettings(fields=PROMPT_FIELDS, source_tokens=64, target_tokens=32),
        metrics={"validation/loss": 0.1},
    )


def tiny_home(factory: pytest.TempPathFactory) -> Path:
    """An ``ADCRAFT_HOME`` with a tiny champion; made once a session."""
    home = factory.getbasetemp() / "tiny-home"
    if not home.exists():
        with warnings.catch_warnings(action="ignore"):  # of MLflow and SQLAlchemy about themselves
            register_tiny_model(f"sqlite:///{home}/mlflow.db", factory.mktemp("tiny-model"))
    return home


def register_tiny_model(uri: str, aside: Path, run_name: str = "tiny", opening: str = "Meet") -> ModelVersion:
    """Train, log and register a tiny model in the MLflow at ``uri``; the first becomes champion."""
    return register_bundle(uri, run_name, lambda run: write_tiny_bundle(aside / run_name, run, opening).path)


def register_bundle(uri: str, run_name: str, write: Callable[[RunReference], Path]) -> ModelVersion:
    """Log and register the bundle whose folder ``write`` returns, as what a run of that name made."""
    from adcraft.tracking.run_log import RunLog

    run_log = RunLog(uri, "tests", run_key=run_name, run_name=run_name, tags={})
    run_log.folder(write(RunReference(id=run_log.run_id, name=run_name)), "bundle")
    run_log.end("FINISHED")
    return Registry(uri, "ad_copy").register(
        run_id=run_log.run_id, run_name=run_name, run_key=run_name, dataset_version=DATASET.version
    )


def _examples(opening: str) -> list[Example]:
    workload = get_workload("ad_copy")
    examples: list[Example] = []
    for name in _NAMES:
        for brand in _BRANDS:
            target = f"{opening} {name} by {brand}." if brand else f"{opening} {name}."
            record = {"product_name": name, "brand": brand, "target": target, "target_field": "ad"}
            examples += workload.examples(record, PROMPT_FIELDS)
    return examples


def _padded(ids: list[list[int]], filler: int) -> torch.Tensor:
    import torch

    width = max(map(len, ids))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in ids])
