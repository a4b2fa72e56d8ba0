"""Pages of other origins: which may call the server (``serve.cors_origins``)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.http.access import KEY_HEADER
from serve_app.http.faults import ApiError, error_response, show


class Cors(CORSMiddleware):
    """Starlette's, whose refusals have our shape. A browser's cookies are never asked for."""

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", KEY_HEADER, "X-Request-Id"),
            expose_headers=("Retry-After", "WWW-Authenticate", "X-Request-Id"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or let the request through."""
        try:
            await super().__call__(scope, receive, send)
        except ApiError as error:  # of the preflight; the gate answers all others
            await error_response(error, scope["state"]["request_id"])(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight.

        Raises:
            ApiError: 400 what it asks for is not allowed.
        """
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        why = bytes(response.body).decode()
        raise ApiError(
            400,
            "cors_refused",
            f"{why}, for a page at {show(request_headers['origin'])} (serve.cors_origins).",
            {"Vary": "Origin"},
        )
