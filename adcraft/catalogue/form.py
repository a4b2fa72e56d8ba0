"""What a workload's output has in a row, and who writes it: all that a catalogue job knows of a workload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from adcraft.inference.bundle import Bundle
from adcraft.workload import Record

ERROR = "error"
"""The column that says why a row has nothing."""

Write = Callable[[Sequence[Record]], Sequence[Mapping[str, str]]]
"""Records to what each row has in the form's columns; in ``ERROR`` alone where nothing could be written."""


class Upload(Protocol):
    """Another file of the rows that have something, in the form that another program imports."""

    @property
    def suffix(self) -> str:
        """Of its name, which begins like the output's."""
        ...

    def write(self, path: Path, ads: Iterable[Mapping[str, str | None]]) -> None:
        """Write it to ``path``, a row of the output at a time."""
        ...


class Form(Protocol):
    """Sent to Ray's workers, so it can be pickled."""

    @property
    def columns(self) -> tuple[str, ...]:
        """That are written, beside the product's own."""
        ...

    @property
    def needs(self) -> Mapping[str, str]:
        """Fields that a feed must have beside the required ones, each with the setting that asks for it."""
        ...

    @property
    def upload(self) -> Upload | None:
        """The other file that is written."""
        ...

    @property
    def key(self) -> Mapping[str, Any]:
        """All that decides what is written, as JSON."""
        ...

    def open(self, bundle: Bundle, compute_type: str) -> Write:
        """Load the model.

        Raises:
            BundleError: a file can't be read.
            SettingsError: the hardware does not support ``compute_type``.
        """
        ...
