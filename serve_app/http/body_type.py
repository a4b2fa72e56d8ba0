"""What a body may be: JSON as it is."""

from __future__ import annotations

from starlette.datastructures import Headers

from serve_app.http.faults import ApiError, show


def check_json(headers: Headers) -> None:
    """See that a body is said to be JSON, and not packed.

    A page of another origin can send JSON only after a preflight, which :mod:`serve_app.http.cors` answers;
    without this check it could send JSON as ``text/plain``.

    Raises:
        ApiError: 415.
    """
    content_type = headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        found = f"Content-Type is {show(content_type)}" if content_type else "There is no Content-Type"
        raise ApiError(415, "unsupported_media_type", f"{found}; send JSON as application/json.")
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise ApiError(
            415,
            "unsupported_media_type",
            f"Content-Encoding is {show(encoding)}; send the JSON as it is.",
            {"Accept-Encoding": "identity"},
        )
