"""The models that a generator has in memory: loaded aside, tried, and only then put in place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.copywriting.desk import Ask
from adcraft.errors import AdcraftError
from adcraft.registry import ModelVersion
from serve_app.batching import Writer
from serve_app.http.schemas import EngineInfo, TrainedInfo
from serve_app.messages import Assignment, Shelf, SwapFault

log = logging.getLogger("ray.serve")

_SPARE = 1
"""Models beyond those that are assigned: the last that somebody asked for by its number."""
_AGAIN_S = 15.0
"""Until a version that could not be loaded is tried again: its files may have been mended."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that has answered its smoke test.

    Attributes:
        version: in the registry.
        copywriter: opens desks.
        writer: answers what they ask.
        engine: that it runs on.
        trained: how it came to be.
    """

    version: ModelVersion
    copywriter: Copywriter
    writer: Writer[Ask]
    engine: EngineInfo
    trained: TrainedInfo


class UnknownModelError(AdcraftError):
    """A request names a model that nothing here points to."""


class Rack:
    """Versions of one registered model. Whatever fails while one is loaded, those in place stay.

    Belongs to one event loop; loading blocks a thread.
    """

    def __init__(
        self,
        load: Callable[[ModelVersion], LoadedModel],
        kept: tuple[str, ...] = (),
        swapped: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        """An empty rack.

        Args:
            load: makes a model ready, or raises; called in a thread.
            kept: aliases beside the first whose models are loaded before anybody asks for them.
            swapped: told of each swap: ``ok``, ``failed``, or ``rolled_back`` to one that answered before.
            clock: seconds.
        """
        self._load = load
        self._kept = kept
        self._swapped = swapped
        self._clock = clock
        self._loaded: dict[str, LoadedModel] = {}
        self._refused: dict[str, tuple[float, ModelVersion, AdcraftError]] = {}
        self._assignment = Assignment(0, {})
        self._first: LoadedModel | None = None
        self._fault: SwapFault | None = None
        self._loading = asyncio.Lock()

    @property
    def first(self) -> LoadedModel:
        """The model that answers where none is named.

        Raises:
            RuntimeError: none was loaded yet.
        """
        if self._first is None:
            raise RuntimeError("No model was loaded yet.")
        return self._first

    @property
    def shelf(self) -> Shelf:
        """What there is."""
        return Shelf(
            answering=self._first.version.version if self._first else "",
            loaded=tuple(sorted(self._loaded)),
            fault=self._fault,
        )

    def alias_of(self, model: LoadedModel) -> str | None:
        """The first alias that points to a model now."""
        version = model.version.version
        return next(
            (alias for alias, each in self._assignment.versions.items() if each.version == version), None
        )

    def role_of(self, version: str) -> str:
        """The first alias that points to a version; ``pinned``, where none does."""
        versions = self._assignment.versions
        return next((alias for alias, each in versions.items() if each.version == version), "pinned")

    async def start(self, assignment: Assignment) -> None:
        """Load the first model, or its fallback if it can't be.

        Raises:
            AdcraftError: neither can.
        """
        await self.follow(assignment)
        if self._first is not None:
            return
        fallback = assignment.fallback
        fault = self._refused[_main(assignment).version][2]
        if fallback is None or fallback.version == _main(assignment).version:
            raise fault
        log.error("version %s answers in its place", fallback.version)
        self._first = await self._get(fallback)

    async def follow(self, assignment: Assignment) -> None:
        """Load what is assigned and missing, and put the first in place. What can't be loaded is noted, tried
        again later, and changes nothing.
        """
        self._assignment = assignment
        main = _main(assignment)
        try:
            model = await self._get(main)
        except AdcraftError as error:
            self._note(main, error)
        else:
            if model is not self._first:
                log.info("%s version %s answers now", main.name, main.version)
                if self._first:
                    back = int(main.version) < int(self._first.version.version)
                    self._swapped("rolled_back" if back else "ok")
            self._first, self._fault = model, None
        for alias in self._kept:
            if version := assignment.versions.get(alias):
                try:
                    await self._get(version)
                except AdcraftError as error:
                    self._note(version, error)
        self._drop()

    async def named(self, alias_or_version: str) -> LoadedModel:
        """A model by its alias or number; empty is the first.

        Raises:
            UnknownModelError: nothing that is assigned is called so.
            AdcraftError: it can't be loaded.
        """
        if not alias_or_version:
            return self.first
        versions = self._assignment.versions
        found = versions.get(alias_or_version) or next(
            (each for each in versions.values() if each.version == alias_or_version), None
        )
        if found is None:
            loaded = self._loaded.get(alias_or_version)
            if loaded:  # one that answers though nothing points to it
                return loaded
            known = ", ".join(f"{alias} (version {each.version})" for alias, each in versions.items())
            raise UnknownModelError(f"No model {alias_or_version!r} is served. There is {known}.")
        return await self._get(found)

    async def _get(self, version: ModelVersion) -> LoadedModel:
        if found := self._found(version):
            return found
        async with self._loading:
            if found := self._found(version):  # meanwhile
                return found
            since, refused, error = self._refused.get(version.version, (0.0, None, None))
            if error and refused == version and self._clock() - since < _AGAIN_S:
                raise error
            try:
                loaded = await asyncio.to_thread(self._load, version)
            except AdcraftError as fault:
                self._refused[version.version] = (self._clock(), version, fault)
                raise
            except Exception as fault:
                log.exception("version %s could not be loaded", version.version)
                wrapped = AdcraftError(f"{type(fault).__name__}: {fault}")
                self._refused[version.version] = (self._clock(), version, wrapped)
                raise wrapped from fault
            self._refused.pop(version.version, None)
            self._loaded[version.version] = loaded
            return loaded

    def _found(self, version: ModelVersion) -> LoadedModel | None:
        found = self._loaded.pop(version.version, None)
        if found is None or found.version.run_id != version.run_id:
            return None
        self._loaded[version.version] = found  # the last is the latest asked for
        return found

    def _note(self, version: ModelVersion, error: AdcraftError) -> None:
        if self._fault and (self._fault.version, self._fault.reason) == (version.version, str(error)):
            return
        log.error("version %s is not used: %s", version.version, error)
        self._swapped("failed")
        self._fault = SwapFault(version.version, str(error), datetime.now(UTC).isoformat(timespec="seconds"))

    def _drop(self) -> None:
        """Forget models that are neither assigned nor the latest asked for. Requests at work hold theirs."""
        kept = (self._assignment.versions.get(alias) for alias in self._kept)
        keep = {version.version for version in kept if version}
        if self._first:
            keep.add(self._first.version.version)
        others = [version for version in self._loaded if version not in keep]
        for version in others[: max(0, len(others) - _SPARE)]:
            del self._loaded[version]


def _main(assignment: Assignment) -> ModelVersion:
    return next(iter(assignment.versions.values()))
