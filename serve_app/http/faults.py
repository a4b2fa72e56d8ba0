"""Errors over HTTP: one shape for all of them, with a stable code, a sentence and the request id.

{"error": {"code": "invalid_request", "message": "product_name is missing.", "request_id": "…"}}
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

SHOWN_CHARS = 60
SHOWN_FAULTS = 5

OVERLOADED = "overloaded"
"""Code of what is told to come back."""

REFUSED = "refused"
"""Type of a pydantic fault whose message is a sentence without its subject."""

_SENTENCES = {
    "json_invalid": "The body is not valid JSON.",
    "missing": "{field} is missing.",
    "model_type": "{field} must be a JSON object with {first}, and is {found}.",
    "model_attributes_type": "{field} must be a JSON object with {first}, and is {found}.",
    "list_type": "{field} must be a list, and is {found}.",
    "too_short": "{field} is empty.",
    "string_too_long": "{field} has {length} characters, and may have {max_length}.",
    "string_unicode": "{field} has characters that are not valid Unicode.",
    "int_type": "{field} must be a whole number, and is {found}.",
    "greater_than_equal": "{field} must be at least {ge}, and is {found}.",
    "less_than_equal": "{field} must be at most {le}, and is {found}.",
    "literal_error": "{field} must be {expected}, and is {found}.",
    "bool_type": "{field} must be true or false, and is {found}.",
    REFUSED: "{field} {message}.",
}
_OTHERWISE = "{field} = {found}: {message}."


class ApiError(HTTPException):
    """A request that can't be answered, and why.

    It is an ``HTTPException`` so that FastAPI lets it through while it reads a body.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.code = code
        self.message = _printable(message)


def not_ready(message: str) -> ApiError:
    """503: no generator answers now; worth another try."""
    return ApiError(503, "unavailable", message, {"Retry-After": "5"})


def error_response(error: ApiError, request_id: str) -> Response:
    """The one shape."""
    body = {"error": {"code": error.code, "message": error.message, "request_id": request_id}}
    return Response(
        json.dumps(body, ensure_ascii=False).encode(),
        status_code=error.status_code,
        headers=error.headers,
        media_type="application/json",
    )


def explain(faults: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> str:
    """Pydantic's faults as plain sentences that name the field and the value.

    Args:
        faults: ``ValidationError.errors()``.
        model: what was validated; its fields are what can be meant.
    """
    sentences = [_sentence(fault, model) for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        sentences.append(f"And {len(faults) - SHOWN_FAULTS} more.")
    return " ".join(sentences)


def show(value: object) -> str:
    """A value from a request, short enough for a sentence; containers by their kind only."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        cut = value if len(value) <= SHOWN_CHARS else value[: SHOWN_CHARS - 1] + "…"
        return json.dumps(_printable(cut), ensure_ascii=False)
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # ValueError: an integer of thousands of digits
        return f"a {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _sentence(fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    field = ".".join(str(part) for part in fault["loc"] if part != "body")
    field = field if len(field) <= SHOWN_CHARS else field[: SHOWN_CHARS - 1] + "…"
    kind, value, known = fault["type"], fault["input"], list(model.model_fields)
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(field, known, n=1)
        return f"{field} is not known; " + (
            f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}."
        )
    if kind == "missing" and not field:
        kind = "model_type"
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    return _SENTENCES.get(kind, _OTHERWISE).format(
        field=field or "The body",
        found=show(value),
        length=len(value) if isinstance(value, str) else 0,
        first=known[0],
        message=message,
        **fault.get("ctx", {}),
    )


def _printable(text: str) -> str:
    """``text`` without what can't be sent as UTF-8 (a lone half of a surrogate pair)."""
    return text.encode("utf-8", "replace").decode("utf-8")
