"""A teacher: a bundle whose model has several decoder layers, for tests of distilling."""

from __future__ import annotations

import shutil
from pathlib import Path

from adcraft.inference.bundle import MANIFEST, Bundle, RunReference, seal_bundle


def write_deeper(bundle: Bundle, layers: int, folder: Path, run: RunReference) -> Bundle:
    """Seal a copy of ``bundle`` in ``folder`` whose only layers, of encoder and decoder, are there ``layers``
    times, each a little weaker than the one before, so that none is another's copy.
    """
    import torch
    from transformers import T5ForConditionalGeneration

    from adcraft.inference.codec import TextCodec
    from adcraft.training.conversion import convert

    shutil.copytree(bundle.path, folder, ignore=shutil.ignore_patterns(MANIFEST, "engine", "*.safetensors"))
    shallow = T5ForConditionalGeneration.from_pretrained(bundle.model)
    shape = {"num_layers": layers, "num_decoder_layers": layers}
    config = type(shallow.config).from_dict({**shallow.config.to_dict(), **shape})
    deep = T5ForConditionalGeneration(config).eval()
    deep.load_state_dict(shallow.state_dict(), strict=False)
    with torch.no_grad():
        for side in ("encoder", "decoder"):
            given = getattr(shallow, side).block[0].state_dict()
            for index, block in enumerate(getattr(deep, side).block):
                block.load_state_dict({key: given[key] * 0.9**index for key in block.state_dict()})
    deep.save_pretrained(folder / "model")
    convert(deep, TextCodec.load(bundle.tokenizer).vocabulary, folder / "engine")
    manifest = bundle.manifest
    return seal_bundle(
        folder,
        workload=manifest.workload,
        base=manifest.base,
        dataset=manifest.dataset,
        run=run,
        prompt=manifest.prompt,
        metrics=manifest.metrics,
    )
