"""Errors in the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from serve_app.http.schemas import ErrorBody


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's ``responses`` says of the errors that it may answer with."""
    return {status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in statuses}
