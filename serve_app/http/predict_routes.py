"""The routes that write: one product, or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Header, Request

from adcraft import metric_names as names
from adcraft.settings import ServeSettings
from serve_app.counting.meter import Meter
from serve_app.counting.observations import OK, observe_results
from serve_app.http.access import guarded
from serve_app.http.admission import Admission
from serve_app.http.answer_cache import AnswerCache
from serve_app.http.answers import answer, answer_batch
from serve_app.http.error_responses import error_responses
from serve_app.http.faults import OVERLOADED, ApiError
from serve_app.http.schemas import Answer, Batch, BatchAnswer, ItemAnswer, Product
from serve_app.keys.live_keys import LiveKeys
from serve_app.messages import Job, Outcome

_ModelHeader = Annotated[
    str | None,
    Header(
        alias="X-Adcraft-Model",
        max_length=100,
        description="alias or version that is to write, one of /models; empty: the application chooses",
    ),
]
_StickyHeader = Annotated[
    str | None,
    Header(
        alias="X-Adcraft-Sticky",
        max_length=200,
        description="requests with the same value are written by the same model, where two share the "
        "traffic; empty: those of the same product are",
    ),
]


class Writers(Protocol):
    """The generators, as these routes see them."""

    @property
    def serial(self) -> int:
        """Of the models that answer."""
        ...

    async def generate(self, jobs: Sequence[Job]) -> list[Outcome]:
        """An outcome for each job; may raise :class:`ApiError`."""
        ...

    def expected(self, job: Job) -> str | None:
        """The version that should write for a job."""
        ...


def predict_routes(
    writers: Writers, settings: ServeSettings, keys: LiveKeys, admission: Admission, meter: Meter
) -> APIRouter:
    """``/predict`` and ``/batch_predict``."""
    cache = AnswerCache(settings.cache_bytes, lambda: writers.serial, meter)
    single = APIRouter(route_class=guarded(keys, "predict", around=cache.around))
    many = APIRouter(route_class=guarded(keys, "predict"))

    @single.post(
        "/predict",
        summary="Copy for one product",
        responses=error_responses(401, 403, 404, 408, 415, 422, 429, 503, 504),
    )
    async def predict(
        request: Request, product: Product, model: _ModelHeader = None, sticky: _StickyHeader = None
    ) -> Answer:
        request.state.items = 1
        job = _job(product, model, sticky)
        try:
            with admission.urgent():
                [outcome] = await writers.generate([job])
            request.state.model_version = outcome.model.version
            answered = answer(product, outcome)
        except ApiError as error:
            meter.observe(names.ITEMS, outcome=error.code)
            if error.code == OVERLOADED:  # by Serve, which does not know when to come back
                raise admission.full() from error
            raise
        meter.observe(names.ITEMS, outcome=OK)
        request.state.texts = [_said(answered)]
        request.state.cacheable = outcome.model.version == writers.expected(job)
        return answered

    @many.post(
        "/batch_predict",
        summary="Copy for many products",
        responses=error_responses(401, 403, 408, 415, 422, 429, 503),
    )
    async def batch_predict(
        request: Request, batch: Batch, model: _ModelHeader = None, sticky: _StickyHeader = None
    ) -> BatchAnswer:
        """A result for each item, in order: its copy, or its own error. Never all or nothing."""
        request.state.items = len(batch.items)
        if len(batch.items) > settings.max_items:
            raise ApiError(
                413,
                "too_many_items",
                f"The batch has {len(batch.items):,} items, and may have {settings.max_items:,} "
                "(serve.max_items). Send several batches.",
            )
        answered = await answer_batch(
            batch.items,
            writers.generate,
            lambda product: _job(product, model, sticky, urgent=False),
            room=admission.patient,
            request_id=request.state.request_id,
        )
        observe_results(meter, answered.results)
        given = [result for result in answered.results if isinstance(result, ItemAnswer)]
        request.state.model_version = ",".join(sorted({result.model.version for result in given})) or None
        request.state.texts = [_said(result) for result in given]
        return answered

    both = APIRouter()
    both.include_router(single)
    both.include_router(many)
    return both


def _job(product: Product, model: str | None, sticky: str | None, *, urgent: bool = True) -> Job:
    return Job(
        product.record(),
        product.brief(),
        model=(model or "").strip(),
        pinned=bool(model),
        key=sticky or f"{product.brand}\0{product.product_name}",
        urgent=urgent,
    )


def _said(answered: Answer) -> dict[str, str]:
    """For the access log, where that is to have texts."""
    return {"product_name": answered.product_name, "creative": answered.creative}
