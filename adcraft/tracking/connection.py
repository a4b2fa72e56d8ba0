"""Reaching MLflow: a server, or an embedded SQLite file that is created once."""

from __future__ import annotations

import base64
import contextlib
import errno
import logging
import os
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adcraft.errors import AdcraftError, AliasError, StorageError, TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it is for the result alone
    "GIT_PYTHON_REFRESH": "quiet",
}
_REACH_TIMEOUT_S = 5.0
_SQLITE = "sqlite:///"
_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/\s]*@")
_NO_ANSWER = re.compile(r"API request to \S+ failed with (?:timeout )?exception (.*)")
_NO_USE = re.compile(r"too many (5\d\d) error responses")
_S3_MODULES = ("boto3", "botocore")
_CHARS_OF_A_REASON = 300


def connect(uri: str, *, create: bool = True) -> MlflowClient:
    """A client of the tracking server and registry at ``uri``.

    An SQLite file is created here if need be, by one process at a time: several at once would fail.

    Args:
        uri: of a server, or of an SQLite file.
        create: that file; else it has to be there.

    Raises:
        TrackingError: the server does not answer, the file is not there, or the address is of a kind that is
            not supported.
        StorageError: the disk is full.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not uri.startswith((_SQLITE, "http://", "https://")):
        raise TrackingError(
            f"tracking.uri = {redacted(uri)!r} is not supported: give http(s)://… of an MLflow server, or "
            "sqlite:///FILE."
        )
    check_answers(uri)
    if not create:
        check_there(uri)
    from mlflow import MlflowClient

    # It logs a traceback of each error that it then raises, and that explained() makes a sentence of.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    with explained(uri, "connecting"):
        if uri.startswith(_SQLITE):
            _create_sqlite(uri)
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def check_answers(uri: str) -> None:
    """Ask a server whether it is there. MLflow's own client would ask again and again before it says no.

    Raises:
        TrackingError: it is not.
    """
    if uri.startswith(_SQLITE):
        return
    import httpx

    try:
        answer = httpx.get(
            f"{uri.rstrip('/')}/health",
            timeout=_REACH_TIMEOUT_S,
            headers=_authorization(),
            verify=_certificates(),
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        reason = redacted(str(error)) or type(error).__name__
        raise TrackingError(
            f"MLflow at {redacted(uri)} can't be reached: {reason}. Check MLFLOW_TRACKING_URI or "
            "tracking.uri, or leave both empty to use an SQLite file."
        ) from error
    if answer.status_code in (401, 403) or answer.status_code >= 500:
        raise TrackingError(
            f"MLflow at {redacted(uri)} answers {answer.status_code}: {_first_line(answer.text)}. Check its "
            "logs, and the user, password and host names that it lets in."
        )


def check_there(uri: str) -> None:
    """Look for an SQLite file before it is opened: one that is not there would be made anew, empty.

    Raises:
        TrackingError: it is not there.
    """
    if uri.startswith(_SQLITE) and not _is_made(file := _sqlite_file(uri)):
        raise TrackingError(
            f"MLflow at {uri} can't be reached: there is no {file}. Bring it back; if there never was one, "
            "train a model first: python -m ray_jobs train."
        )


def _authorization() -> dict[str, str]:
    """By the variables that MLflow's client reads too; user and password may also be in the address."""
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("USERNAME", "PASSWORD"))
    if user and password:
        return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _certificates() -> ssl.SSLContext | bool:
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        return False
    file = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    return ssl.create_default_context(cafile=file) if file else True


def embedded_artifacts(uri: str) -> str | None:
    """Where runs of an embedded store keep their files: beside the SQLite file. None for a server,
    which decides itself.
    """
    return str(_sqlite_file(uri).parent / "artifacts") if uri.startswith(_SQLITE) else None


@contextlib.contextmanager
def explained(uri: str, doing: str) -> Iterator[None]:
    """Turn the exceptions of MLflow, and of what it stands on, into a sentence."""
    try:
        yield
    except _faults() as error:
        raise _explanation(error, uri, doing) from error
    except ModuleNotFoundError as error:
        if error.name not in _S3_MODULES:
            raise
        raise TrackingError(
            f"MLflow at {redacted(uri)} has its files in S3, and jobs get them there by themselves, but "
            f"{error.name} is not installed here: pip install boto3."
        ) from error


def _faults() -> tuple[type[Exception], ...]:
    """What MLflow's client raises; of boto3 only where it is loaded, since files go straight to S3."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    boto3, botocore = (sys.modules.get(f"{name}.exceptions") for name in _S3_MODULES)
    return (
        MlflowException,
        RequestException,
        SQLAlchemyError,
        *([boto3.Boto3Error] if boto3 else []),
        *([botocore.BotoCoreError, botocore.ClientError] if botocore else []),
    )


def redacted(text: str) -> str:
    """``text`` without the passwords of the addresses in it."""
    return _PASSWORD.sub(r"\1:…@", text)


def _explanation(error: Exception, uri: str, doing: str) -> AdcraftError:
    message, where = str(error), f"MLflow at {redacted(uri)}"
    if "disk is full" in message or "No space left on device" in message:
        return StorageError(f"The disk of {where} is full. Free space, and run it again.")
    if refused := _NO_USE.search(message):
        return TrackingError(
            f"{where} answered {refused[1]} each time while {doing}. Its database or the store of its files "
            "may be away; its own log says why."
        )
    if silent := _NO_ANSWER.search(message):
        return TrackingError(f"{where} stopped answering while {doing}: {_first_line(silent[1])}.")
    kind = AliasError if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST" else TrackingError
    return kind(f"{where} refused while {doing}: {_first_line(message)}.")


def _first_line(text: str) -> str:
    lines = [line for line in redacted(text).splitlines() if line.strip() and not line.startswith("#")]
    line = (lines or ["no reason given"])[0].strip()
    if line.endswith(":") and len(lines) > 1:  # it only announces what went wrong
        line = f"{line} {lines[1].strip()}"
    line = line.rstrip(". ")
    return line if len(line) <= _CHARS_OF_A_REASON else f"{line[:_CHARS_OF_A_REASON]}…"


def _create_sqlite(uri: str) -> None:
    from filelock import FileLock

    file = _sqlite_file(uri)
    if _is_made(file):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            if not _is_made(file):
                _create_tables(file)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TrackingError(f"The MLflow database {file} can't be made: {error}.") from error


def _is_made(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _create_tables(file: Path) -> None:
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
