"""The replica that is measured: that of the server, without the server."""

from __future__ import annotations

import itertools
import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE
from adcraft.ad_copy.sample_feed.products import products
from adcraft.errors import BundleError
from serve_app.args import ServeArgs
from serve_app.generator import GeneratorReplica
from serve_app.http.schemas import Product
from serve_app.messages import Assignment, Beat, Failure, Job
from serve_app.models.registry_watch import RegistryWatch

_PRODUCTS = 300
_SEED = 11


@dataclass(frozen=True)
class MeasuredReplica:
    """What is measured.

    Attributes:
        submit: writes for one job, together with others that are there; raises where it can't.
        model: registered name.
        version: of the model.
        computed_in: the engine's number type.
    """

    submit: Callable[[Job], Awaitable[None]]
    model: str
    version: str
    computed_in: str


class _Assigned:
    """In the place of the control replica's handle: what the registry said at the beginning."""

    def __init__(self, assignment: Assignment) -> None:
        self.beat = self
        self._assignment = assignment

    async def remote(self, beat: Beat) -> Assignment:
        return self._assignment


async def load_replica(args: ServeArgs) -> MeasuredReplica:
    """A replica of these settings, which has written once.

    Raises:
        TrackingError, BundleError: there is no such model, or it can't be used.
        SettingsError: ``serve.placements`` or ``serve.compute_type`` is wrong.
    """
    replica = GeneratorReplica.__new__(GeneratorReplica)
    await GeneratorReplica.__init__(replica, cast("Any", _Assigned(RegistryWatch(args).look())), args)
    info = await replica.info()

    async def submit(job: Job) -> None:
        [outcome] = [each.result for each in await replica.generate([job], math.inf)]
        if isinstance(outcome, Failure):
            raise BundleError(
                f"{info.model.name} version {info.model.version} failed on {job.record['product_name']!r} of "
                f"the sample feed, so it can't be measured: {outcome.message}"
            )

    return MeasuredReplica(submit, info.model.name, info.model.version, info.engine.compute_type)


def sample_jobs() -> Iterator[Job]:
    """A creative for one product of the sample feed after the other, as ``/predict`` asks for it. Without
    end, and none like an earlier one, so that nobody can answer from memory.
    """
    records = [
        Product(
            product_name=row.title,
            brand=row.brand,
            category=row.category,
            description=row.description,
            attributes=row.attributes,
            price=row.price,
        ).record()
        for row in products(_PRODUCTS, _SEED)
    ]
    for again in itertools.count():
        for record in records:
            yield Job(record, replace(ONE_CREATIVE, seed=again))
