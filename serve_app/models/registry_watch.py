"""Where the registry's aliases point, looked at again and again; and what was good last, should it not
answer.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from adcraft.errors import AdcraftError, AliasError, StorageError, TrackingError
from adcraft.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry
from adcraft.tracking.connection import check_there
from serve_app.args import ServeArgs
from serve_app.messages import Assignment

log = logging.getLogger("ray.serve")

_BESIDE = (CHAMPION, CHALLENGER, PREVIOUS)
"""Aliases whose models can be asked for by name."""


class RegistryWatch:
    """Makes assignments. While the registry does not answer, the last one stays, with the fault in it."""

    def __init__(self, args: ServeArgs, connect: Callable[[], Registry] | None = None) -> None:
        """Nothing is looked at yet.

        Args:
            args: of the application.
            connect: to the registry.
        """
        tracking = args.tracking
        self._args = args
        self._connect = connect or (lambda: Registry(tracking.uri, tracking.model, create=False))
        self._registry: Registry | None = None
        self._file = args.last_good_file
        self._changing = threading.Lock()
        self.assignment = Assignment(0, {}, fallback=read_last_good(self._file))

    def look(self) -> Assignment:
        """The present assignment; with another serial if it has changed. Blocking.

        Raises:
            TrackingError: there has never been one, and no model is known that was good.
        """
        try:
            found = self._found()
        except TrackingError as error:
            self._registry = None if not isinstance(error, AliasError) else self._registry
            self._keep(error)
        else:
            self._take(versions=found, fault="")
        return self.assignment

    def answered(self, version: str) -> None:
        """A generator answers with a version by itself: it is good.

        Raises:
            StorageError: it can't be written down.
        """
        known = [*self.assignment.versions.values(), self.assignment.fallback]
        good = next((each for each in known if each and each.version == version), None)
        if good is None or good == self.assignment.fallback:
            return
        self._take(fallback=good)
        write_last_good(self._file, good)

    def _found(self) -> dict[str, ModelVersion]:
        """By alias; what answers by itself first."""
        check_there(self._args.tracking.uri)
        if self._registry is None:
            self._registry = self._connect()
        main = self._args.serve.alias.strip()
        aliases = self._registry.aliases()
        known = self.assignment.versions
        found = {}
        for alias in (main, *(alias for alias in _BESIDE if alias != main and alias in aliases)):
            version = aliases.get(alias, alias if alias == main else "")
            same = known.get(alias)
            # A number may be registered anew where a registry was made anew: so ask where it matters.
            found[alias] = same if same and same.version == version else self._registry.resolve(alias)
        return found

    def _keep(self, error: TrackingError) -> None:
        old = self.assignment
        fault = " ".join(str(error).split())
        if not old.versions:
            if old.fallback is None:
                raise error
            log.error("%s Version %s, which was good last, answers.", fault, old.fallback.version)
            self._take(versions={self._args.serve.alias.strip(): old.fallback}, fault=fault)
            return
        if old.fault != fault:
            log.error("%s The models stay as they are.", fault)
        self._take(fault=fault)

    def _take(self, **changes: Any) -> None:
        """It is looked in one thread and answered in another."""
        with self._changing:
            new = replace(self.assignment, **changes)
            if new != self.assignment:
                self.assignment = replace(new, serial=self.assignment.serial + 1)


def read_last_good(file: Path) -> ModelVersion | None:
    """The version that answered last; None: there was none, or its file can't be read, which is logged."""
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
        return ModelVersion(**{**tree, "aliases": tuple(tree["aliases"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s does not say which model was good last: %s", file, error)
        return None


def write_last_good(file: Path, version: ModelVersion) -> None:
    """Put it down, whole or not at all.

    Raises:
        StorageError: it can't be written.
    """
    aside = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(asdict(version)) + "\n", encoding="utf-8")
        aside.replace(file)
    except OSError as error:
        raise StorageError(f"{file} can't be written: {error}.") from error


def prefetch(args: ServeArgs, version: ModelVersion) -> None:
    """Have a bundle on this node, where generators find it. What fails is theirs to report."""
    try:
        Registry(args.tracking.uri, args.tracking.model, create=False).download(version, args.models)
    except AdcraftError as error:
        log.warning("version %s was not fetched: %s", version.version, error)
