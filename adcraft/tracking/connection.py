"""Reaching MLflow: a server, or an embedded SQLite file that is created once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from adcraft.errors import AliasError, TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
}
_REACH_TIMEOUT_S = 5.0
_SQLITE = "sqlite:///"


def connect(uri: str) -> MlflowClient:
    """A client of the tracking server and registry at ``uri``.

    An SQLite file is created here if need be, by one process at a time: several at once would fail.

    Raises:
        TrackingError: the server does not answer, or the address is of a kind that is not supported.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if uri.startswith(_SQLITE):
        _create_sqlite(uri)
    elif uri.startswith(("http://", "https://")):
        _check_answers(uri)
    else:
        raise TrackingError(
            f"tracking.uri = {uri!r} is not supported: give http(s)://… of an MLflow server, or sqlite:///FILE."
        )
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def embedded_artifacts(uri: str) -> str | None:
    """Where runs of an embedded store keep their files: beside the SQLite file. None for a server,
    which decides itself.
    """
    return str(_sqlite_file(uri).parent / "artifacts") if uri.startswith(_SQLITE) else None


@contextlib.contextmanager
def explained(uri: str, doing: str) -> Iterator[None]:
    """Turn MLflow's exceptions into a sentence."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        yield
    except MlflowException as error:
        kind = AliasError if error.error_code == "RESOURCE_DOES_NOT_EXIST" else TrackingError
        raise kind(f"MLflow at {redacted(uri)} refused while {doing}: {error.message}") from error
    except RequestException as error:
        raise TrackingError(f"MLflow at {redacted(uri)} stopped answering while {doing}: {error}.") from error


def redacted(uri: str) -> str:
    """``uri`` without a password that it may hold."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":…@") if parts.password else uri


def _check_answers(uri: str) -> None:
    import httpx

    try:
        answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=_REACH_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise TrackingError(
            f"MLflow at {redacted(uri)} can't be reached: {str(error) or type(error).__name__}. Check "
            "MLFLOW_TRACKING_URI or tracking.uri, or leave both empty to use an SQLite file."
        ) from error
    if answer.status_code >= 500:
        raise TrackingError(f"MLflow at {redacted(uri)} is not healthy: it answers {answer.status_code}.")


def _create_sqlite(uri: str) -> None:
    from filelock import FileLock

    file = _sqlite_file(uri)
    if file.exists() and file.stat().st_size:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrackingError(f"The folder of {uri} can't be made: {error}.") from error
    with FileLock(f"{file}.lock"):
        if file.exists() and file.stat().st_size:
            return
        from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

        # Made under another name, so that nobody meets it half-made.
        fresh = file.with_name(f".{file.name}.creating")
        fresh.unlink(missing_ok=True)
        engine = create_sqlalchemy_engine(f"{_SQLITE}{fresh}")
        _initialize_tables(engine)
        engine.dispose()
        fresh.rename(file)


def _sqlite_file(uri: str) -> Path:
    return Path(uri.removeprefix(_SQLITE))
