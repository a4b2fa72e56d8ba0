"""What a sweep remembers on disk: one line of JSON for each thing that happened, never changed.

A process that dies in the middle of a line loses that line alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from adcraft.errors import SettingsError, StorageError, TrainingError

Event = dict[str, Any]
"""``{"at": seconds since 1970, "event": ..., ...}``, of an attempt, trial, epoch, pause, generation, end, or
that the space is exhausted."""

_IDENTITY, _EVENTS, _LOCK = "sweep.json", "journal.jsonl", ".lock"


class Journal:
    """The journal in a sweep's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / _EVENTS

    @contextlib.contextmanager
    def alone(self, identity: Mapping[str, Any]) -> Iterator[None]:
        """Keep other processes from running the sweep of this name meanwhile.

        Args:
            identity: what makes it the same sweep, as a tree.

        Raises:
            TrainingError: another process runs it.
            SettingsError: the sweep of this name is another one.
            StorageError: the folder can't be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {self.folder} can't be made: {error}.") from error
        try:
            with FileLock(self.folder / _LOCK, blocking=False):
                self._check_identity(identity)
                self._drop_torn_line()
                yield
        except Timeout:
            raise TrainingError(
                f"Another process is running the sweep {self.folder.name!r} in {self.folder}. Wait for it, "
                "or give this one another name."
            ) from None

    def exists(self) -> bool:
        """Whether the sweep was ever begun."""
        return (self.folder / _IDENTITY).exists()

    def append(self, event: str, **content: Any) -> Event:
        """Add an event; it is on disk when this returns."""
        line: Event = {"at": round(time.time(), 3), "event": event, **content}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return line

    def events(self) -> list[Event]:
        """All events so far."""
        if not self._file.exists():
            return []
        text = self._file.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def reason_of_end(self, number: int) -> str:
        """Why a trial is over; "" while it is not."""
        reason = ""
        for event in self.events():
            if event["event"] == "end" and event["number"] == number:
                reason = str(event["reason"])
            elif event["event"] == "attempt" and number in event["revived"]:
                reason = ""
        return reason

    def _check_identity(self, identity: Mapping[str, Any]) -> None:
        file = self.folder / _IDENTITY
        content = json.loads(json.dumps(identity))
        if not file.exists():
            aside = file.with_suffix(".partial")
            aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            aside.rename(file)
            return
        known = json.loads(file.read_text(encoding="utf-8"))
        if differing := sorted(_differences(known, content)):
            raise SettingsError(
                f"There is another sweep of the name {self.folder.name!r} in {self.folder}: it differs in "
                f"{'; '.join(differing)}. Give this one another name, or go on with that one by its settings."
            )

    def _drop_torn_line(self) -> None:
        if not self._file.exists():
            return
        content = self._file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self._file.open("r+b") as file:
                file.truncate(whole)


def _differences(known: Any, now: Any, path: str = "") -> Iterator[str]:
    if isinstance(known, dict) and isinstance(now, dict):
        for key in known.keys() | now.keys():
            yield from _differences(known.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif known != now:
        yield f"{path} ({known!r} there, {now!r} here)"
