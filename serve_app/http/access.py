"""Who may call what: routes that want an API key, and the key that a request has."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.responses import Response

from serve_app.http.body_type import check_json
from serve_app.http.faults import ApiError
from serve_app.keys.key_file import ApiKey, Scope
from serve_app.keys.live_keys import LiveKeys

KEY_HEADER = "X-API-Key"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_CHALLENGE = 'Bearer realm="adcraft"'

_FOR_OPENAPI = [
    Security(HTTPBearer(auto_error=False, scheme_name="bearer", description="An API key.")),
    Security(APIKeyHeader(name=KEY_HEADER, auto_error=False, scheme_name="header", description="The same.")),
]
"""What documents the key and lets everything through: a dependency runs after the body was read."""


class GuardedRoute(APIRoute):
    """A route that looks at the key, then at the body's type, before it reads one. See :func:`guarded`."""


def guarded(
    keys: LiveKeys, *scopes: Scope, around: Callable[[Handler], Handler] | None = None
) -> type[GuardedRoute]:
    """Class of routes for callers whose key has any of the scopes.

    Where no key is needed, everybody is let in.

    Args:
        keys: that open them.
        scopes: of keys.
        around: put around what answers those who were let in.
    """

    class Guarded(GuardedRoute):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            named["dependencies"] = [*(named.get("dependencies") or ()), *_FOR_OPENAPI]
            super().__init__(*arguments, **named)

        def get_route_handler(self) -> Handler:
            answer = super().get_route_handler()
            if around:
                answer = around(answer)

            async def admit_and_answer(request: Request) -> Response:
                if keys.needed():
                    request.state.key_id = admitted(keys, request.headers, scopes).id
                if request.method == "POST":
                    check_json(request.headers)
                return await answer(request)

            return admit_and_answer

    return Guarded


def declare_keys(http: FastAPI, keys: LiveKeys) -> None:
    """Have the OpenAPI document say that a guarded route takes no key too, as long as that is so."""
    written = http.openapi

    def openapi() -> dict[str, Any]:
        schema = written()
        if keys.needed():
            return schema
        schema = copy.deepcopy(schema)
        for operations in schema["paths"].values():
            for operation in operations.values():
                if "security" in operation:
                    operation["security"].append({})
        return schema

    http.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def admitted(keys: LiveKeys, headers: Headers, scopes: tuple[Scope, ...]) -> ApiKey:
    """The key of a request, which has one of the scopes.

    Raises:
        ApiError: 401 there is no key, or it opens nothing; 403 it does not open this.
    """
    token = presented(headers)
    if not token:
        raise ApiError(
            401,
            "key_missing",
            f"This needs an API key. Send it as 'Authorization: Bearer KEY' or '{KEY_HEADER}: KEY'.",
            {"WWW-Authenticate": _CHALLENGE},
        )
    key = keys.find(token)
    if key is None:
        raise ApiError(
            401,
            "key_invalid",
            "This API key is not known, or was revoked.",
            {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
        )
    if not set(scopes) & set(key.scopes):
        raise ApiError(
            403,
            "scope_missing",
            f"This API key is for {' and '.join(key.scopes)}; this needs {' or '.join(scopes)}.",
            {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{" ".join(scopes)}"'},
        )
    return key


def presented(headers: Headers) -> str:
    """The key in a request's headers, or nothing. What stands in X-API-Key goes first."""
    kind, _, bearer = headers.get("authorization", "").strip().partition(" ")
    return headers.get(KEY_HEADER, "").strip() or (bearer.strip() if kind.lower() == "bearer" else "")
