"""The HTTP interface: routes, and every error in the one shape. Knows nothing of Ray."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from adcraft import __version__
from adcraft.settings import ServeSettings
from serve_app.counting.meter import Meter
from serve_app.counting.observations import observe_request
from serve_app.http.access import declare_keys, guarded
from serve_app.http.access_log import AccessLog
from serve_app.http.admission import Admission
from serve_app.http.cors import Cors
from serve_app.http.docs_page import add_docs_page
from serve_app.http.error_responses import error_responses
from serve_app.http.faults import ApiError, error_response, explain
from serve_app.http.gate import Gate
from serve_app.http.model_schemas import Models
from serve_app.http.predict_routes import Writers, predict_routes
from serve_app.http.sample_products import SAMPLES
from serve_app.http.schemas import Batch, Health, Info, Limits, Model, Product, Ready, RefusedVersion
from serve_app.http.state_routes import ControlView, state_routes
from serve_app.keys.live_keys import LiveKeys
from serve_app.messages import GeneratorInfo

_DESCRIPTION = """\
Writes ad copy for products. Every answer says which model it comes from, and every error has one
shape: a stable code, a sentence, and the request id (send your own as `X-Request-Id`).
"""


class Deployed(Writers, ControlView, Protocol):
    """The other deployments, as the routes see them. Each method may raise :class:`ApiError`."""

    def start(self) -> None:
        """Begin to follow the registry, in the running event loop."""
        ...

    async def stop(self) -> None:
        """Follow it no more, and tell what was counted last."""
        ...

    async def info(self) -> GeneratorInfo:
        """What one replica runs."""
        ...

    async def ready(self) -> Model:
        """The model of a replica that answers."""
        ...

    async def models(self) -> Models:
        """Which models there are, and who has them."""
        ...


def build_http(
    deployed: Deployed,
    settings: ServeSettings,
    versions: dict[str, str],
    *,
    keys: LiveKeys,
    access_log: logging.Logger,
    admission: Admission,
    meter: Meter,
) -> FastAPI:
    """The ASGI application.

    Args:
        deployed: the other deployments.
        settings: limits on requests.
        versions: of libraries, for ``/info``.
        keys: that open the routes.
        access_log: gets a line for each request.
        admission: of requests to write.
        meter: counts them.
    """
    http = FastAPI(
        title="Adcraft",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _following(deployed),
        responses=error_responses(400, 413, 421, 431, 500),
    )
    http.add_middleware(Gate, settings=settings, keys=keys)  # the innermost
    if settings.cors_origins:
        http.add_middleware(Cors, origins=settings.cors_origins)
    http.add_middleware(
        AccessLog,
        lines=access_log,
        texts=settings.log_texts,
        told=lambda answered: observe_request(meter, answered),
    )
    http.add_exception_handler(HTTPException, _http_error)
    http.add_exception_handler(RequestValidationError, _validation_error)
    http.include_router(predict_routes(deployed, settings, keys, admission, meter))
    for router in state_routes(deployed, keys):
        http.include_router(router)
    _add_state(http, deployed, settings, versions, keys)
    add_docs_page(http)
    declare_keys(http, keys)
    return http


@contextlib.asynccontextmanager
async def _following(deployed: Deployed) -> AsyncIterator[None]:
    deployed.start()
    try:
        yield
    finally:
        await deployed.stop()


def _add_state(
    http: FastAPI, deployed: Deployed, settings: ServeSettings, versions: dict[str, str], keys: LiveKeys
) -> None:
    for_key_holders = APIRouter(route_class=guarded(keys, "predict", "admin"))

    @http.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("docs")

    @for_key_holders.get(
        "/info",
        summary="Which model answers, how it computes, what one request may ask for",
        responses=error_responses(401, 403, 503),
    )
    async def info() -> Info:
        running = await deployed.info()
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
            refused=RefusedVersion(**asdict(fault)) if (fault := running.shelf.fault) else None,
            limits=limits,
            versions={"adcraft": __version__, **versions},
        )

    @for_key_holders.get(
        "/models",
        summary="Which models can be asked for, who has them, and which could not be used",
        responses=error_responses(401, 403, 503),
    )
    async def models() -> Models:
        return await deployed.models()

    @http.get("/samples", summary="Bodies of /predict to try")
    async def samples() -> list[dict[str, Any]]:
        return list(SAMPLES)

    @http.get("/health", summary="Is the process that answers HTTP alive?")
    async def health() -> Health:
        return Health()

    @http.get("/ready", summary="Does at least one generator answer?", responses=error_responses(503))
    async def ready() -> Ready:
        return Ready(model=await deployed.ready())

    http.include_router(for_key_holders)


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
