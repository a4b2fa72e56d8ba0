"""The HTTP interface: shapes, statuses, and a clear sentence for whatever comes in."""

import json
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from adcraft.ad_copy.copywriting.brief import Brief
from serve_app.http.faults import OVERLOADED, ApiError
from serve_app.messages import Shelf, SwapFault
from tests.unit.serve_app.fakes import MODEL, TIMEOUT, FakeGenerators

JSON = {"Content-Type": "application/json"}


def refused(response, status: int, code: str) -> str:
    """The sentence of an error, after checking its shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "request_id"}
    assert body["error"]["code"] == code
    assert re.fullmatch(r"[0-9a-f]{32}", body["error"]["request_id"])
    return body["error"]["message"]


def test_the_registry_is_followed_as_long_as_the_server_runs(
    client: TestClient, generators: FakeGenerators
) -> None:
    with TestClient(client.app):
        assert generators.started
    assert not generators.started


def test_simplest_call(client: TestClient) -> None:
    response = client.post("/predict", json={"brand": "Nike", "product_name": "Running Shoes"})
    assert response.status_code == 200
    assert response.json() == {
        "creative": "Running Shoes for you, 0",
        "brand": "Nike",
        "product_name": "Running Shoes",
        "variants": ["Running Shoes for you, 0"],
        "placement": "creative",
        "assets": {
            "creative": [
                {
                    "text": "Running Shoes for you, 0",
                    "characters": 24,
                    "shown_whole": True,
                    "safe": False,
                    "score": 0.875,
                    "parts": None,
                }
            ]
        },
        "refused": None,
        "model": MODEL.model_dump(),
    }


def test_scores_and_refusals_are_explained_where_that_is_asked_for(client: TestClient) -> None:
    body = client.post("/predict", json={"product_name": "Tea", "explain": True}).json()
    [text] = body["assets"]["creative"]
    assert text["parts"] == {"likelihood": 0.5, "grounding": 1, "readability": 1, "fit": 1, "diversity": 1}
    why = "promises a price advantage"
    refusal = {"text": "50% off", "rule": "discount", "start": 0, "end": 3, "why": why}
    assert body["refused"] == {"creative": [refusal]}


def test_what_can_not_be_had_is_the_requests_fault(client: TestClient) -> None:
    message = refused(client.post("/predict", json={"product_name": "strange"}), 422, "invalid_request")
    assert "'grim' is not known" in message


def test_every_field_reaches_the_generator_as_clean_text(
    client: TestClient, generators: FakeGenerators
) -> None:
    product = {
        "product_name": "  Kurta\x00\n ",
        "brand": "",
        "category": "Ethnic",
        "gender": "women",
        "color": "teal",
        "material": None,
        "price": 1299.0,
        "tone": "warm",
        "attributes": {"fit": "slim", "washable": True, "sizes": [2, 3.0], "note": None},
        "description": "<p>Soft &amp; warm.</p>",
        "variants": 3,
        "placement": "google_rsa",
        "length": "short",
        "audience": "women",
        "call_to_action": False,
        "language": "en",
        "required": [" soft "],
        "banned": ["cheap"],
        "seed": 7,
    }
    response = client.post("/predict", json=product)
    assert response.status_code == 200, response.text
    assert response.json()["brand"] is None
    assert len(response.json()["variants"]) == 3
    [[job]] = generators.calls
    assert job.brief == Brief(
        "google_rsa", 3, "warm", "short", False, "women", "en", ("soft",), ("cheap",), seed=7
    )
    assert job.record == {
        "product_name": "Kurta",
        "brand": None,
        "category": "Ethnic",
        "gender": "women",
        "color": "teal",
        "material": None,
        "price": "1299",
        "attributes": "fit: slim; washable: yes; sizes: 2, 3",
        "description": "Soft & warm.",
    }


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "product_name is missing."),
        ([], "The body must be a JSON object with product_name, and is a list."),
        (None, "The body must be a JSON object with product_name, and is null."),
        ({"product_name": None}, "product_name is empty."),
        ({"product_name": " \x00\t"}, "product_name is empty."),
        ({"product_name": 5}, "product_name must be text, and is 5."),
        ({"product_name": ["a"]}, "product_name must be text, and is a list."),
        ({"product_name": "x" * 301}, "product_name has 301 characters, and may have 300."),
        ({"product_name": "a", "brand": "b" * 101}, "brand has 101 characters, and may have 100."),
        ({"product_name": "a", "description": "b " * 2501}, "description has 5001 characters, and may"),
        ({"product_name": "a", "colour": "red"}, "colour is not known; did you mean color?"),
        ({"product_name": "a", "zzz": 1}, "zzz is not known; known: product_name, brand,"),
        (
            {"product_name": "a", "price": True},
            "price must be a number, or text such as €24.90, and is true.",
        ),
        ({"product_name": "a", "price": -1}, "price must be between 0 and 1000000000000, and is -1."),
        (
            {"product_name": "a", "price": "cheap"},
            'price must be a number, or text such as €24.90, and is "c',
        ),
        ({"product_name": "a", "attributes": 7}, "attributes must be text, a list, or an object, and is 7."),
        ({"product_name": "N/A"}, "product_name is empty."),
        ({"product_name": "a \ud800", "brand": 1}, "brand must be text, and is 1."),
        ({"product_name": "a", "variants": 0}, "variants must be at least 1, and is 0."),
        ({"product_name": "a", "variants": 16}, "variants must be at most 15, and is 16."),
        ({"product_name": "a", "length": "tiny"}, "length must be 'short' or 'long', and is \"tiny\"."),
        ({"product_name": "a", "required": ["a", ""]}, "is empty"),
        ({"product_name": "a", "banned": "cheap"}, 'banned must be a list, and is "cheap".'),
        ({"product_name": "a", "variants": "2"}, 'variants must be a whole number, and is "2".'),
        ({"product_name": "a", "variants": {"{x}": 1}}, "variants must be a whole number, and is an object."),
        (
            {"product_name": 1, "brand": 2},
            "product_name must be text, and is 1. brand must be text, and is 2.",
        ),
        ({"\ud800": 1, "product_name": "a"}, "has characters that are not valid Unicode"),
    ],
)
def test_product_that_is_no_product(client: TestClient, body: object, sentence: str) -> None:
    response = client.post("/predict", content=json.dumps(body), headers=JSON)
    assert sentence in refused(response, 422, "invalid_request")


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e999", "9" * 4000])
def test_price_that_is_no_number(client: TestClient, price: str) -> None:
    content = f'{{"product_name": "a", "price": {price}}}'
    message = refused(client.post("/predict", content=content, headers=JSON), 422, "invalid_request")
    assert message.startswith("price must be between 0 and")
    assert len(message) < 150


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b"[" * 9000, b'{"a":' * 3000, b'{"a": ' + b"9" * 5000 + b"}", b"{'a': 1}"]
)
def test_body_that_is_no_json(client: TestClient, content: bytes) -> None:
    response = client.post("/predict", content=content, headers=JSON)
    assert refused(response, 400, "invalid_json") == "The body is not valid JSON."


def test_empty_body(client: TestClient) -> None:
    response = client.post("/predict", content=b"", headers=JSON)
    assert refused(response, 422, "invalid_request").startswith("The body must be a JSON object")


@pytest.mark.parametrize(
    ("sent", "said"), [("text/plain", 'Content-Type is "text/plain"'), (None, "There is no Content-Type")]
)
def test_wrong_content_type(client: TestClient, sent: str | None, said: str) -> None:
    headers = {"Content-Type": sent} if sent else {}
    response = client.post("/predict", content=b"{}", headers=headers)
    assert refused(response, 415, "unsupported_media_type") == f"{said}; send JSON as application/json."


def pieces() -> Iterator[bytes]:
    for _ in range(30):
        yield b" " * 1000


@pytest.mark.parametrize("content", [b" " * 20_001, pieces()], ids=["with a length", "chunked"])
def test_body_too_large(client: TestClient, content: bytes) -> None:
    response = client.post("/predict", content=content, headers=JSON)
    message = refused(response, 413, "body_too_large")
    assert message == "The body is larger than 20,000 bytes (serve.max_body_bytes)."


def test_unknown_path_and_method(client: TestClient) -> None:
    assert refused(client.get("/nothing"), 404, "not_found") == "There is nothing at /nothing. See /docs."
    response = client.get("/predict")
    assert refused(response, 405, "method_not_allowed") == "/predict does not take GET; it takes POST."
    assert response.headers["allow"] == "POST"


def test_request_id_comes_back_in_an_error(client: TestClient) -> None:
    response = client.get("/nothing", headers={"X-Request-Id": "shop-7/b:1"})
    assert response.json()["error"]["request_id"] == "shop-7/b:1"


@pytest.mark.parametrize("request_id", ["a b", "x" * 129, "<script>"])
def test_request_id_that_is_none(client: TestClient, request_id: str) -> None:
    response = client.get("/health", headers={"X-Request-Id": request_id})
    assert "X-Request-Id = " in refused(response, 400, "invalid_request_id")


@pytest.mark.parametrize("path", ["/predict", "/ready", "/info"])
def test_fault_of_the_generators(client: TestClient, generators: FakeGenerators, path: str) -> None:
    generators.fault = ApiError(503, "unavailable", "No generator is ready.", {"Retry-After": "5"})
    response = client.post(path, json={"product_name": "a"}) if path == "/predict" else client.get(path)
    assert refused(response, 503, "unavailable") == "No generator is ready."
    assert response.headers["retry-after"] == "5"
    assert client.get("/health").json() == {"status": "ok"}


def test_unexpected_fault_has_the_same_shape_and_no_traceback(
    client: TestClient, generators: FakeGenerators
) -> None:
    generators.fault = ZeroDivisionError("secret detail")
    response = client.post("/predict", json={"product_name": "a"})
    assert "secret" not in refused(response, 500, "internal")


def test_model_that_fails_or_writes_nothing(client: TestClient) -> None:
    refused(client.post("/predict", json={"product_name": "broken"}), 500, "internal")
    refused(client.post("/predict", json={"product_name": "silent"}), 422, "no_copy")


def test_batch_has_a_result_for_each_item(client: TestClient) -> None:
    items = [{"product_name": "a"}, {}, 5, {"product_name": "broken"}, {"product_name": "b", "variants": 2}]
    response = client.post("/batch_predict", json={"items": items}, headers={"X-Request-Id": "r1"})
    assert response.status_code == 200
    body = response.json()
    assert (body["succeeded"], body["failed"]) == (2, 3)
    assert [result["index"] for result in body["results"]] == [0, 1, 2, 3, 4]
    assert body["results"][0]["creative"] == "a for you, 0"
    assert body["results"][0]["model"] == MODEL.model_dump()
    assert body["results"][1] == {
        "index": 1,
        "error": {"code": "invalid_request", "message": "product_name is missing.", "request_id": "r1"},
    }
    assert "must be a JSON object" in body["results"][2]["error"]["message"]
    assert body["results"][3]["error"]["code"] == "internal"
    assert len(body["results"][4]["variants"]) == 2


def test_batch_goes_out_in_chunks_that_leave_room(client: TestClient, generators: FakeGenerators) -> None:
    items = [{"product_name": f"p{i}"} for i in range(20)]
    body = client.post("/batch_predict", json={"items": items}).json()
    assert [result["creative"] for result in body["results"]] == [f"p{i} for you, 0" for i in range(20)]
    assert [len(call) for call in generators.calls] == [8, 8, 4]


def test_batch_that_is_late_gives_up_what_has_not_begun(
    client: TestClient, generators: FakeGenerators, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.http.answers._CHUNK_ITEMS", 2)
    generators.fault = TIMEOUT
    body = client.post("/batch_predict", json={"items": [{"product_name": "a"}] * 20}).json()
    assert body["failed"] == 20
    assert {result["error"]["code"] for result in body["results"]} == {"timeout"}
    assert len(generators.calls) == 4, "four chunks at once for one replica, and no more after they were late"
    assert generators.most_at_once == 4


@pytest.mark.parametrize(
    ("body", "status", "code", "sentence"),
    [
        ({"items": []}, 422, "invalid_request", "items is empty."),
        ({"items": {}}, 422, "invalid_request", "items must be a list, and is an object."),
        ({}, 422, "invalid_request", "items is missing."),
        ([{}], 422, "invalid_request", "The body must be a JSON object with items, and is a list."),
        ({"items": [1] * 21}, 413, "too_many_items", "The batch has 21 items, and may have 20 (serve.max_"),
    ],
)
def test_batch_that_is_no_batch(
    client: TestClient, body: object, status: int, code: str, sentence: str
) -> None:
    assert sentence in refused(client.post("/batch_predict", json=body), status, code)


def test_info_says_what_runs(client: TestClient) -> None:
    body = client.get("/info").json()
    assert body["model"] == MODEL.model_dump()
    assert body["engine"]["compute_type"] == "int8"
    assert body["limits"]["max_items"] == 20
    assert (body["placements"], body["trained"]["tones"]) == (["creative", "google_rsa"], ["warm"])
    assert set(body["versions"]) == {"adcraft", "ray"}
    assert body["refused"] is None
    assert client.get("/ready").json() == {"status": "ready", "model": MODEL.model_dump()}


def test_info_says_which_model_could_not_take_its_place(
    client: TestClient, generators: FakeGenerators
) -> None:
    generators.shelf = Shelf("3", ("3",), SwapFault("4", "It was changed.", "2026-11-27T06:00:00+00:00"))
    refusal = client.get("/info").json()["refused"]
    assert refusal == {"version": "4", "reason": "It was changed.", "at": "2026-11-27T06:00:00+00:00"}


def test_whoever_is_turned_away_is_told_when_to_come_back(
    client: TestClient, generators: FakeGenerators
) -> None:
    generators.fault = ApiError(429, OVERLOADED, "Too many requests wait already.")
    response = client.post("/predict", json={"product_name": "Tea"})
    refused(response, 429, "overloaded")
    assert int(response.headers["retry-after"]) >= 1


def test_docs_need_no_internet(client: TestClient) -> None:
    assert client.get("/").headers["location"] == "docs"
    page = client.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for name in re.findall(r'(?:src|href)="(docs/[^"]+)"', page):
        assert len(client.get(f"/{name}").content) > 100
    refused(client.get("/docs/other.js"), 404, "not_found")


def test_openapi_is_whole(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    names = set(schema["components"]["schemas"])
    assert set(re.findall(r"#/components/schemas/(\w+)", json.dumps(schema))) <= names
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(names)
    for path in ("/predict", "/batch_predict"):
        for status, response in schema["paths"][path]["post"]["responses"].items():
            if status != "200":
                assert response["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
