"""Routes for those who run the application: /stats, /logs and /metrics, of all replicas together."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Query
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from serve_app.http.access import guarded
from serve_app.http.error_responses import error_responses
from serve_app.http.state_schemas import LogQuery, Logs, Stats
from serve_app.keys.live_keys import LiveKeys


class ControlView(Protocol):
    """The control replica, as the routes see it. Each method may raise :class:`ApiError` 503."""

    async def stats(self) -> Stats:
        """What all replicas did."""
        ...

    async def logs(self, query: LogQuery) -> Logs:
        """The latest requests to all ingress replicas."""
        ...

    async def metrics(self) -> bytes:
        """All metrics in Prometheus's text format."""
        ...


def state_routes(control: ControlView, keys: LiveKeys) -> list[APIRouter]:
    """The routers, to be included as they are."""
    for_key_holders = APIRouter(route_class=guarded(keys, "predict", "admin"))
    for_admins = APIRouter(route_class=guarded(keys, "admin"))

    @for_key_holders.get(
        "/stats",
        summary="What the application did: counts, latencies, models, engines",
        responses=error_responses(401, 403, 503),
    )
    async def stats() -> Stats:
        """Of all replicas, since the control replica started; about a second old."""
        return await control.stats()

    @for_admins.get(
        "/logs",
        summary="The latest requests",
        responses=error_responses(401, 403, 422, 503),
    )
    async def logs(query: Annotated[LogQuery, Query()]) -> Logs:
        """Of all replicas, the latest first; about a second old."""
        return await control.logs(query)

    @for_key_holders.get(
        "/metrics",
        summary="All metrics, for Prometheus",
        response_class=Response,
        responses={
            200: {
                "description": "In Prometheus's text format.",
                "content": {CONTENT_TYPE_PLAIN_0_0_4: {"schema": {"type": "string"}}},
            },
            **error_responses(401, 403, 503),
        },
    )
    async def metrics() -> Response:
        """Of all replicas, about a second old. Whichever replica answers, it is the same."""
        return Response(await control.metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [for_key_holders, for_admins]
