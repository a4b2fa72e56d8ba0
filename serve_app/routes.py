"""The HTTP interface: routes, and every error in the one shape. Knows nothing of Ray."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from adcraft import __version__
from adcraft.settings import ServeSettings
from serve_app.answers import answer, answer_batch
from serve_app.docs_page import add_docs_page
from serve_app.faults import ApiError, error_response, explain
from serve_app.gate import Gate
from serve_app.messages import GeneratorInfo, Job, Reply
from serve_app.schemas import (
    Answer,
    Batch,
    BatchAnswer,
    ErrorBody,
    Health,
    Info,
    Limits,
    Model,
    Product,
    Ready,
)

_DESCRIPTION = """\
Writes ad copy for products. Every answer says which model it comes from, and every error has one
shape: a stable code, a sentence, and the request id (send your own as `X-Request-Id`).
"""


class Generators(Protocol):
    """The generator replicas, as the routes see them. Each method may raise :class:`ApiError`."""

    async def generate(self, jobs: list[Job]) -> Reply:
        """An outcome for each job, all by one replica."""
        ...

    async def info(self) -> GeneratorInfo:
        """What one replica runs."""
        ...

    async def ready(self) -> Model:
        """The model of a replica that answers."""
        ...


def build_http(generators: Generators, settings: ServeSettings, versions: dict[str, str]) -> FastAPI:
    """The ASGI application.

    Args:
        generators: where texts come from.
        settings: limits on requests.
        versions: of libraries, for ``/info``.
    """
    http = FastAPI(
        title="Adcraft",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    http.add_middleware(Gate, max_body_bytes=settings.max_body_bytes)
    http.add_exception_handler(HTTPException, _http_error)
    http.add_exception_handler(RequestValidationError, _validation_error)
    _add_predictions(http, generators, settings)
    _add_state(http, generators, settings, versions)
    add_docs_page(http)
    return http


def _add_predictions(http: FastAPI, generators: Generators, settings: ServeSettings) -> None:
    @http.post(
        "/predict", summary="Copy for one product", responses=_errors(400, 413, 415, 422, 429, 503, 504)
    )
    async def predict(product: Product) -> Answer:
        reply = await generators.generate([Job(product.record(), product.brief())])
        return answer(product, reply.outcomes[0], reply.model)

    @http.post(
        "/batch_predict", summary="Copy for many products", responses=_errors(400, 413, 415, 422, 429, 503)
    )
    async def batch_predict(request: Request, batch: Batch) -> BatchAnswer:
        """A result for each item, in order: its copy, or its own error. Never all or nothing."""
        if len(batch.items) > settings.max_items:
            raise ApiError(
                413,
                "too_many_items",
                f"The batch has {len(batch.items):,} items, and may have {settings.max_items:,} "
                "(serve.max_items). Send several batches.",
            )
        return await answer_batch(
            batch.items,
            generators.generate,
            max_replicas=settings.max_replicas,
            request_id=request.state.request_id,
        )


def _add_state(
    http: FastAPI, generators: Generators, settings: ServeSettings, versions: dict[str, str]
) -> None:
    @http.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("docs")

    @http.get("/info", summary="Which model answers, how it computes, what one request may ask for")
    async def info() -> Info:
        running = await generators.info()
        limits = Limits(
            max_items=settings.max_items,
            max_body_bytes=settings.max_body_bytes,
            request_timeout_s=settings.request_timeout_s,
        )
        return Info(
            model=running.model,
            engine=running.engine,
            trained=running.trained,
            placements=running.placements,
            limits=limits,
            versions={"adcraft": __version__, **versions},
        )

    @http.get("/health", summary="Is the process that answers HTTP alive?")
    async def health() -> Health:
        return Health()

    @http.get("/ready", summary="Does at least one generator answer?", responses=_errors(503))
    async def ready() -> Ready:
        return Ready(model=await generators.ready())


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in statuses}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if not isinstance(error, ApiError):
        error = _explained(request, error)
    return error_response(error, request.state.request_id)


def _explained(request: Request, error: HTTPException) -> ApiError:
    path = request.url.path if len(request.url.path) <= 100 else request.url.path[:99] + "…"
    match error.status_code:
        case 400:  # FastAPI could not read the body: not UTF-8, or nested a thousand deep
            return ApiError(400, "invalid_json", "The body is not valid JSON.")
        case 404:
            return ApiError(404, "not_found", f"There is nothing at {path}. See /docs.")
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            return ApiError(
                405,
                "method_not_allowed",
                f"{path} does not take {request.method}; it takes {allowed}.",
                error.headers,
            )
        case status:
            return ApiError(status, HTTPStatus(status).name.lower(), f"{error.detail}.", error.headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    not_json = any(fault["type"] == "json_invalid" for fault in faults)
    model = Batch if request.url.path.endswith("/batch_predict") else Product
    fault = ApiError(
        400 if not_json else 422, "invalid_json" if not_json else "invalid_request", explain(faults, model)
    )
    return error_response(fault, request.state.request_id)
