"""From the best checkpoint to the bundle that serving loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adcraft.inference.bundle import (
    Bundle,
    DatasetReference,
    PromptSettings,
    RunReference,
    seal_bundle,
)
from adcraft.inference.codec import TextCodec
from adcraft.training.adapters import Adapters, add_adapters, merge_adapters
from adcraft.training.base_model import load_model
from adcraft.training.checkpoint import load_weights
from adcraft.training.conversion import convert

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def build_bundle(
    folder: Path,
    *,
    base: Path,
    pretrained: bool,
    adapters: Adapters | None = None,
    checkpoint: Path,
    workload: str,
    base_name: str,
    dataset: DatasetReference,
    run: RunReference,
    prompt: PromptSettings,
    metrics: Mapping[str, float],
    settings: Mapping[str, Any],
) -> Bundle:
    """Write a sealed bundle into ``folder``, which must not exist.

    Args:
        base: what ``write_base`` wrote: config and tokenizer.
        pretrained: whether it holds weights.
        adapters: what was trained beside them, if not they themselves; merged into the bundle's weights.
        checkpoint: the checkpoint whose weights are taken.
        settings: resolved settings, kept beside the model.
    """
    model = load_model(base, pretrained, seed=0)
    beside = add_adapters(model, adapters, seed=0) if adapters else None
    load_weights(checkpoint, model)
    if beside:
        model = merge_adapters(beside)
    model.eval()
    folder.mkdir(parents=True)
    model.save_pretrained(folder / "model")
    for name in _TOKENIZER_FILES:
        if (base / name).exists():
            shutil.copyfile(base / name, folder / "model" / name)
    codec = TextCodec.load(folder / "model" / "tokenizer.json")
    convert(model, codec.vocabulary, folder / "engine")
    (folder / "settings.json").write_text(
        json.dumps(settings, indent=2, default=str) + "\n", encoding="utf-8"
    )
    return seal_bundle(
        folder,
        workload=workload,
        base=base_name,
        dataset=dataset,
        run=run,
        prompt=prompt,
        metrics=dict(metrics),
    )
