"""Small sweeps: of settings alone, and of trainings that take seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from adcraft.settings import Settings
from adcraft.training.origin import Origin
from tests.jobs import TINY, Job, run_command
from tuning.command_line import main
from tuning.journal import Journal
from tuning.settings import SweepSettings, digest
from tuning.study import Study


def sweep_settings(home: Path, **changes: Any) -> SweepSettings:
    """A sweep over the learning rate, 6 trials of 9 epochs; ``changes`` replace whole keys."""
    tree: dict[str, Any] = {
        "name": "small",
        "settings": {"train": {"max_epochs": 9, "storage": str(home / "train")}},
        "space": {"train.learning_rate": {"log_uniform": [0.001, 0.1]}},
        "budget": {"trials": 6},
        **changes,
    }
    return SweepSettings.model_validate(tree)


def open_study(
    sweep: SweepSettings, hand_over: Callable[[Origin, str], None] = lambda origin, key: None
) -> Study:
    """A study of it, by its journal."""
    sweep.folder.mkdir(parents=True, exist_ok=True)
    return Study(sweep, Journal(sweep.folder), key_of, hand_over)


def key_of(settings: Settings, origin: Origin | None) -> str:
    """Stands for the key of a training run."""
    content = {"model": settings.model.model_dump(), "train": settings.train.model_dump()}
    return digest({**content, "origin": asdict(origin) if origin else None})


def epoch(number: int, loss: float) -> dict[str, float]:
    """What a trial reports."""
    return {
        "epoch": float(number),
        "step": 10.0 * number,
        "train_loss": loss + 0.1,
        "validation_loss": loss,
        "tokens_per_s": 100.0,
        "elapsed_s": 2.0 * number,
    }


def write_sweep(home: Path, **changes: Any) -> Path:
    """A file of a sweep of tiny models in ``home``; ``changes`` replace whole keys."""
    settings: dict[str, Any] = {"home": str(home)}
    for override in TINY:
        key, _, value = override.partition("=")
        *sections, name = key.split(".")
        node = settings
        for section in sections:
            node = node.setdefault(section, {})
        node[name] = yaml.safe_load(value)
    tree = {
        "name": "tiny",
        "settings": settings,
        "space": {"train.learning_rate": {"choice": [0.02, 0.005, 1e-7]}},
        "search": {"algorithm": "grid"},
        "scheduler": {"name": "none"},
        "budget": {"trials": 3},
        **changes,
    }
    file = home / f"{tree['name']}.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def run_sweep_job(file: Path, *overrides: str, command: str = "sweep") -> Job:
    """Run a sweep, or another command of it, on the Ray that is connected."""
    sets = [part for override in overrides for part in ("--set", override)]
    return run_command(main, [command, "--config", str(file), *sets])
