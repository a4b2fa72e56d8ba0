"""Which engine runs a bundle's model."""

from __future__ import annotations

from typing import Literal

from adcraft.inference.bundle import Bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine, Engine

EngineKind = Literal["auto", "ctranslate2", "torch"]


def open_engine(
    bundle: Bundle,
    codec: TextCodec,
    kind: EngineKind = "auto",
    compute_type: str = "auto",
    threads: int = 1,
) -> Engine:
    """The engine that runs ``bundle``: CTranslate2, unless ``kind`` is ``torch``.

    Args:
        bundle: whose model is run.
        codec: of its tokenizer.
        kind: ``auto`` is CTranslate2, which reads the converted model; torch reads the trained one.
        compute_type: one that engine and hardware support, or ``auto``.
        threads: of the engine.

    Raises:
        BundleError: model and tokenizer don't agree.
        SettingsError: ``compute_type`` is not supported.
    """
    if kind == "torch":
        from adcraft.inference.torch_engine import TorchEngine

        return TorchEngine(bundle.model, codec, compute_type=compute_type, threads=threads)
    return CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type=compute_type, threads=threads)
