"""The control deployment: one replica that looks at the registry, and knows of all others."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter

from adcraft import metric_names as names
from adcraft.errors import StorageError
from adcraft.registry import ModelVersion
from serve_app.args import ServeArgs
from serve_app.counting.meter import Meter
from serve_app.counting.ray_metrics import replica_sink
from serve_app.counting.request_log import RequestLog
from serve_app.counting.stats import stats
from serve_app.counting.totals import SILENT_AFTER_S, Totals
from serve_app.http.model_schemas import Models, RefusedModel, RegistryState, ServedModel, Traffic
from serve_app.http.schemas import model_of
from serve_app.http.state_schemas import LogQuery, Logs, Stats
from serve_app.loopback import listen_where_ray_does
from serve_app.messages import Assignment, Beat, Shelf, SwapFault
from serve_app.models.registry_watch import RegistryWatch, prefetch
from serve_app.models.traffic import kept_aliases

log = logging.getLogger("ray.serve")


class Control:
    """Hears the beat of every ingress and generator, and answers with the models that they are to use.

    While it is gone, they go on with what they have.
    """

    def __init__(self, args: ServeArgs) -> None:
        """Look at the registry once, and fetch what is assigned.

        Raises:
            TrackingError: it can't be reached or has no such model, and no model is known that was good.
        """
        listen_where_ray_does()
        # An SQLite file that was moved away and brought back would be read where it was before.
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        self._args = args
        self._watch = RegistryWatch(args)
        self._shelves: dict[str, tuple[float, Shelf]] = {}
        self._meter = Meter(replica_sink())
        self._totals = Totals()
        self._requests = RequestLog()
        self._fetched: set[str] = set()
        self._fetch(self._watch.look())
        self._looking: asyncio.Task[None] | None = None

    async def beat(self, beat: Beat) -> Assignment:
        """Take what a replica tells, and say which models it is to use."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())
        if beat.delta and self._totals.add(beat.deployment, beat.replica, beat.delta):
            self._requests.add(beat.delta.lines)
        if beat.shelf:
            self._shelves[beat.replica] = (time.monotonic(), beat.shelf)
            try:
                self._watch.answered(beat.shelf.answering)
            except StorageError as error:
                log.warning("%s", error)
        return self._watch.assignment

    async def stats(self) -> Stats:
        """What all replicas did."""
        self._count_own()
        return stats(self._totals)

    async def logs(self, query: LogQuery) -> Logs:
        """The latest requests to all ingress replicas."""
        return self._requests.recent(query)

    async def metrics(self) -> bytes:
        """All metrics in Prometheus's text format."""
        self._count_own()
        return self._totals.exposition()

    async def models(self) -> Models:
        """Which models there are, and who has them."""
        assignment = self._watch.assignment
        shelves = self._present()
        faults: Counter[SwapFault] = Counter(shelf.fault for shelf in shelves if shelf.fault)
        loaded = Counter(version for shelf in shelves for version in shelf.loaded)
        answering = Counter(shelf.answering for shelf in shelves)
        return Models(
            models=[
                ServedModel(
                    model=model_of(version, alias),
                    loaded_in=loaded[version.version],
                    answers_in=answering[version.version],
                )
                for alias, version in self._listed(assignment)
            ],
            refused=[
                RefusedModel(version=each.version, reason=each.reason, at=each.at, generators=count)
                for each, count in faults.items()
            ],
            registry=RegistryState(reachable=not assignment.fault, fault=assignment.fault or None),
            traffic=Traffic(
                canary_percent=self._args.serve.canary_percent,
                shadow_percent=self._args.serve.shadow_percent,
            ),
        )

    def _listed(self, assignment: Assignment) -> list[tuple[str | None, ModelVersion]]:
        """By alias; and the one that answers though nothing points to it."""
        listed: list[tuple[str | None, ModelVersion]] = list(assignment.versions.items())
        fallback = assignment.fallback
        if fallback and all(version.version != fallback.version for _, version in listed):
            listed.append((None, fallback))
        return listed

    def _present(self) -> list[Shelf]:
        now = time.monotonic()
        heard = ((replica, told) for replica, told in self._shelves.items() if now - told[0] < SILENT_AFTER_S)
        self._shelves = dict(heard)
        return [shelf for _, shelf in self._shelves.values()]

    def _count_own(self) -> None:
        self._meter.observe(names.REGISTRY_REACHABLE, 0 if self._watch.assignment.fault else 1)
        self._totals.add("control", "control", self._meter.take())

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._args.serve.poll_s)
            self._count_own()
            try:
                before = self._watch.assignment.serial
                assignment = await asyncio.to_thread(self._watch.look)
                if assignment.serial != before:
                    await asyncio.to_thread(self._fetch, assignment)
            except Exception:
                log.exception("looking at the registry failed")

    def _fetch(self, assignment: Assignment) -> None:
        main = next(iter(assignment.versions))
        for alias in (main, *kept_aliases(self._args.serve)):
            version = assignment.versions.get(alias)
            if version and version.run_id not in self._fetched and not assignment.fault:
                self._fetched.add(version.run_id)
                prefetch(self._args, version)
