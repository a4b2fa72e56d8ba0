"""Requests made up from the OpenAPI document: each is answered as the document says, and none with a 5xx.

Both servers are made when the file is read, so that each operation of the document is a test of its own.
"""

import logging
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import schemathesis
from hypothesis import settings
from schemathesis.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from serve_app.http.schemas import ErrorBody
from serve_app.keys.key_file import SCOPES, ApiKey
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app

TOKEN = f"adc_0123abcd_{secrets.token_hex(32)}"
KEY = ApiKey(
    id="0123abcd",
    name="shop",
    sha256="0" * 64,
    last_four=TOKEN[-4:],
    scopes=SCOPES,
    created_at=datetime.now(UTC),
)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class OneKey(LiveKeys):
    """A key of all scopes, in no file."""

    def find(self, token: str) -> ApiKey | None:
        return KEY if token == TOKEN else None


def document(keys: LiveKeys) -> schemathesis.BaseSchema:
    unheard = logging.getLogger("unheard")
    http = http_app(FakeGenerators(), keys=keys, access_log=unheard, allowed_hosts=["testserver"])
    return schemathesis.openapi.from_asgi("/openapi.json", http)


without_keys = document(LiveKeys(Path("there is none")))
with_keys = document(OneKey(Path("there is none"), needed=True))
examples = settings(max_examples=25, derandomize=True, deadline=None, database=None)


def check(case: schemathesis.Case, headers: dict[str, str] | None = None) -> None:
    # What the document calls text may still be none: a name of spaces alone, a price without digits.
    excluded = [positive_data_acceptance]
    if case.operation.path == "/batch_predict":
        excluded.append(negative_data_rejection)  # an item that is no product has an error within a 200
    response = case.call_and_validate(headers=headers, excluded_checks=excluded)
    if response.status_code >= 400:
        error = ErrorBody.model_validate(response.json(), extra="forbid").error
        assert all((error.code, error.message, error.request_id))


@without_keys.parametrize()
@examples
def test_every_answer_is_as_documented(case: schemathesis.Case) -> None:
    check(case)


@with_keys.parametrize()
@examples
def test_every_answer_is_as_documented_where_a_key_is_needed(case: schemathesis.Case) -> None:
    check(case, BEARER)


def test_every_operation_documents_what_the_gate_refuses_and_every_error_has_the_one_shape() -> None:
    for schema in (without_keys.raw_schema, with_keys.raw_schema):
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                answers = operation["responses"]
                assert {"400", "413", "421", "431", "500"} <= set(answers), (method, path)
                for status, answer in answers.items():
                    if int(status) < 400:
                        continue
                    assert answer["content"]["application/json"]["schema"] == {
                        "$ref": "#/components/schemas/ErrorBody"
                    }, (method, path, status)
                    assert answer["description"] == HTTPStatus(int(status)).phrase


def test_a_post_is_never_taken_as_text_which_any_page_may_send() -> None:
    client = TestClient(without_keys.app, base_url="http://localhost")
    for path, operations in without_keys.raw_schema["paths"].items():
        if "post" in operations:
            answer = client.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
