"""What is told of an MLflow that wants a name, and of files that lie in S3."""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from adcraft.errors import TrackingError
from adcraft.tracking.connection import check_answers, connect, explained
from cluster.ports import free_port

BASIC = f"Basic {base64.b64encode(b'anna:secret').decode()}"
URI = "http://anna:secret@mlflow.example"


class _Guarded(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["Authorization"] in (BASIC, "Bearer a-token")
        self.send_response(200 if known else 401)
        self.end_headers()

    def log_message(self, *message: object) -> None:
        pass


@pytest.fixture
def guarded() -> Iterator[int]:
    """The port of a server that wants a name and password, or a token."""
    with HTTPServer(("127.0.0.1", 0), _Guarded) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server.server_port
        server.shutdown()


def test_name_password_and_token_are_taken_from_the_environment(
    guarded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"http://127.0.0.1:{guarded}"
    with pytest.raises(TrackingError, match="answers 401"):
        check_answers(uri)
    check_answers(f"http://anna:secret@127.0.0.1:{guarded}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token")
    check_answers(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anna")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    check_answers(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(TrackingError, match="answers 401"):
        check_answers(uri)


def test_a_certificate_that_is_not_there(guarded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "/no/such.pem")
    with pytest.raises(TrackingError, match=r"can't be reached: .*No such file"):
        check_answers(f"https://127.0.0.1:{guarded}")


@pytest.mark.parametrize("content", [None, b""])
def test_sqlite_file_that_is_away_is_not_made_anew(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TrackingError, match=r"can't be reached: there is no .*mlflow\.db"):
        connect(f"sqlite:///{file}", create=False)
    assert not file.exists() or not file.read_bytes()


def test_s3_that_is_not_there() -> None:
    import boto3
    from botocore.config import Config

    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}),
    )
    with (
        pytest.raises(TrackingError, match=r"anna:…@mlflow\.example refused while logging x: Could not conn"),
        explained(URI, "logging x"),
    ):
        s3.list_buckets()


def test_boto3_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with (
        pytest.raises(TrackingError, match=r"boto3 is not installed here: pip install boto3"),
        explained(URI, "logging x"),
    ):
        import boto3  # noqa: F401


def test_another_module_that_is_missing_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), explained(URI, "logging x"):
        import no_such_module  # type: ignore[import-not-found] # noqa: F401


NO_USE = (
    "API request to http://h/x failed with exception Max retries exceeded with url: /x (Caused by "
    "ResponseError('too many 503 error responses'))"
)
NO_BUCKET = (
    "The following failures occurred while downloading one or more artifacts from http://h:\n"
    "##### File bundle #####\nNoSuchBucket: it does not exist.\n"
)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            NO_USE,
            "answered 503 each time while logging x. Its database or the store of its files may be away",
        ),
        (NO_BUCKET, "downloading one or more artifacts from http://h: NoSuchBucket: it does not exist."),
    ],
)
def test_what_mlflow_says_becomes_a_sentence(message: str, sentence: str) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(TrackingError) as caught, explained(URI, "logging x"):
        raise MlflowException(message)
    assert sentence in str(caught.value)
