"""From the best checkpoint to the bundle that serving loads."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Mapping, Sequence
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
from adcraft.inference.engine import CTranslate2Engine
from adcraft.inference.lexicon import LEXICON
from adcraft.inference.specimens import KEPT, SPECIMENS, Specimens, take_specimens, write_greedily
from adcraft.inference.vocabulary_map import VOCABULARY_MAP, VocabularyMap
from adcraft.training.adapters import Adapters, add_adapters, merge_adapters
from adcraft.training.base_model import load_model
from adcraft.training.checkpoint import load_weights
from adcraft.training.conversion import convert
from adcraft.workloads import get_workload

log = logging.getLogger(__name__)

PROBES = 32
"""Sources at most that a new engine is tried with."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


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
    target_ids: Collection[int],
    sources: Sequence[Sequence[int]],
) -> Bundle:
    """Write a sealed bundle into ``folder``, which must not exist.

    Args:
        base: what ``write_base`` wrote: config and tokenizer; and the lexicon, if there is one.
        pretrained: whether it holds weights.
        adapters: what was trained beside them, if not they themselves; merged into the bundle's weights.
        checkpoint: the checkpoint whose weights are taken.
        settings: resolved settings, kept beside the model.
        target_ids: ids that the targets of training have.
        sources: ids of prompts of the validation split, each ending in ``</s>``; the first of them become
            the bundle's specimens.
    """
    model = load_model(base, pretrained, seed=0)
    beside = add_adapters(model, adapters, seed=0) if adapters else None
    load_weights(checkpoint, model)
    if beside:
        model = merge_adapters(beside)
    model.eval()
    folder.mkdir(parents=True)
    model.save_pretrained(folder / "model")
    for name in TOKENIZER_FILES:
        if (base / name).exists():
            shutil.copyfile(base / name, folder / "model" / name)
    if (base / LEXICON).exists():
        shutil.copyfile(base / LEXICON, folder / LEXICON)
    codec = TextCodec.load(folder / "model" / "tokenizer.json")
    convert(model, codec.vocabulary, folder / "engine")
    try_engine(
        folder,
        codec,
        slot_tokens=get_workload(workload).slot_tokens,
        target_ids=target_ids,
        sources=sources,
        max_tokens=prompt.target_tokens,
    )
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


def try_engine(
    folder: Path,
    codec: TextCodec,
    *,
    slot_tokens: Collection[str],
    target_ids: Collection[int],
    sources: Sequence[Sequence[int]],
    max_tokens: int,
) -> None:
    """Let the converted model of ``folder`` write in float32. Its first texts are kept as the bundle's
    specimens. If it writes the same for all ``sources`` with its vocabulary cut to ``target_ids``, slots and
    what a source has, it is cut to that.
    """
    specimens = take_specimens(_engine(folder, codec), sources, max_tokens)
    Specimens(specimens=specimens.specimens[:KEPT]).write(folder / SPECIMENS)
    slots = [index for index, token in enumerate(codec.vocabulary) if token in slot_tokens]
    pieces = VocabularyMap.of(codec.vocabulary, {codec.eos_id, *slots, *target_ids})
    if not pieces.writable:
        log.info("the engine keeps its whole vocabulary: a piece of it holds a space, a tab or a line's end")
        return
    file = folder / "engine" / VOCABULARY_MAP
    pieces.write(file)
    written = write_greedily(_engine(folder, codec), sources, max_tokens)
    pairs = zip(written, specimens.specimens, strict=True)
    if changed := sum(tuple(ids) != specimen.written for ids, specimen in pairs):
        file.unlink()
        log.info(
            "the engine keeps its whole vocabulary: it answers %d of %d prompts with pieces that no text of "
            "training has",
            changed,
            len(written),
        )


def _engine(folder: Path, codec: TextCodec) -> CTranslate2Engine:
    return CTranslate2Engine(folder / "engine", codec.vocabulary, compute_type="float32")
