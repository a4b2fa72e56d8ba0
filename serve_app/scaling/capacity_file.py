"""``<home>/capacity.json``: what one replica was measured to do, and of which engine on which machine."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from adcraft.errors import SettingsError, StorageError
from adcraft.settings import ServeSettings, Strict
from serve_app.scaling.autoscaling import Curve

MEASURE = "python -m serve_app capacity --write"

_OF_THE_ENGINE = ("compute_type", "threads", "batch_tokens")
"""Settings with whose values the curve changes."""


class Machine(Strict):
    """What it was measured on."""

    processor: str
    cpus: int

    @classmethod
    def here(cls) -> Machine:
        """This machine."""
        return cls(processor=_processor(), cpus=os.cpu_count() or 1)

    def __str__(self) -> str:
        return f"{self.processor} with {self.cpus} CPUs"


class Capacity(Curve):
    """The file's content.

    Attributes:
        model: registered name.
        engine: settings that it ran by.
        computed_in: the number type that ``compute_type`` came to.
    """

    format: Literal[1] = 1
    model: str
    model_version: str
    engine: dict[str, str | int]
    computed_in: str
    machine: Machine
    measured_at: AwareDatetime


def engine_settings(serve: ServeSettings) -> dict[str, str | int]:
    """The settings on which the curve depends."""
    return {key: getattr(serve, key) for key in _OF_THE_ENGINE}


def capacity_path(home: str) -> Path:
    """Where the file is, or would be."""
    return Path(home) / "capacity.json"


def read_capacity(path: Path) -> Capacity:
    """What was measured.

    Raises:
        FileNotFoundError: nothing was.
        SettingsError: the file can't be read, or is not such a file.
    """
    try:
        return Capacity.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SettingsError(f"The measured curve in {path} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the whole"
        raise SettingsError(
            f"{path} is no measured curve: {where}: {fault['msg']}. Measure again: {MEASURE}."
        ) from None


def write_capacity(path: Path, capacity: Capacity) -> None:
    """Put a whole new file in the place of the old one.

    Raises:
        StorageError: it can't be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(capacity.model_dump_json(indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"The measured curve can't be written to {path}: {error}.") from error


def now() -> datetime:
    """To the second, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def _processor() -> str:
    """Linux says which; elsewhere the architecture must do."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.machine()
    return platform.machine()
