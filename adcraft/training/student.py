"""A student: a registered model with fewer decoder layers, as a local base that training starts from."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock

from adcraft.errors import SettingsError
from adcraft.inference.bundle import Bundle
from adcraft.inference.lexicon import LEXICON
from adcraft.training.base_model import load_model
from adcraft.training.bundling import TOKENIZER_FILES
from adcraft.training.heartbeat import told


def kept_layers(layers: int, kept: int) -> tuple[int, ...]:
    """Which of ``layers`` decoder layers ``kept`` of them are: evenly taken, first and last among them
    (Shleifer and Rush, "Pre-trained Summarization Distillation", 2020); the first where it is one alone.

    Args:
        layers: that there are.
        kept: that stay; 0: half, rounded up.

    Raises:
        SettingsError: there are not so many.
    """
    if kept > layers:
        raise SettingsError(
            f"distill.decoder_layers = {kept}, and the teacher has {layers}. Set it to {layers} or fewer."
        )
    kept = kept or -(-layers // 2)
    return tuple(round(index * (layers - 1) / max(1, kept - 1)) for index in range(kept))


def decoder_layers(teacher: Bundle) -> int:
    """How many decoder layers a bundle's model has."""
    from transformers import T5Config

    config = T5Config.from_pretrained(teacher.model)
    return config.num_decoder_layers or config.num_layers


def student_base(teacher: Bundle, layers: tuple[int, ...], root: Path) -> Path:
    """The student of ``teacher`` that has these of its decoder layers, made or found below ``root``."""
    weights = teacher.manifest.files["model/model.safetensors"]
    folder = root / f"{weights[:16]}-{'-'.join(map(str, layers))}"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            aside = folder.with_name(f".{folder.name}-partial")
            shutil.rmtree(aside, ignore_errors=True)
            with told("making the student"):
                write_student(teacher, layers, aside)
            aside.rename(folder)
    return folder


def write_student(teacher: Bundle, layers: tuple[int, ...], folder: Path) -> None:
    """Write weights, config, tokenizer and, if the teacher has one, its lexicon into ``folder``."""
    import torch

    model = load_model(teacher.model, pretrained=True, seed=0)
    model.decoder.block = torch.nn.ModuleList(model.decoder.block[index] for index in layers)
    model.config.num_decoder_layers = model.decoder.config.num_layers = len(layers)
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (teacher.model / name).exists():
            shutil.copyfile(teacher.model / name, folder / name)
    if teacher.lexicon.exists():
        shutil.copyfile(teacher.lexicon, folder / LEXICON)
