"""Keys over HTTP: who is let in, what a refusal says, what the log holds, which pages may call."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from serve_app.http.access import GuardedRoute
from serve_app.http.access_log import open_access_log
from serve_app.http.faults import ApiError
from serve_app.keys.key_file import Scope, create_key, revoke_key
from serve_app.keys.live_keys import LOOK_EVERY_S, LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators
from tests.unit.serve_app.http_app import http_app

TEA = {"product_name": "Tea"}
BATCH = {"items": [TEA, {}]}
OPEN = ["/health", "/ready", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/samples", "/"]
GUARDED = [
    ("POST", "/predict", TEA),
    ("POST", "/batch_predict", BATCH),
    ("GET", "/info", None),
    ("GET", "/models", None),
]
STATE = {"/stats", "/logs", "/metrics"}  # see test_state_routes.py


class Server:
    """The application over HTTP, with a file of keys and a log to look into."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.generators = FakeGenerators()
        self.keys_file = folder / "keys.json"
        self.log_file = folder / "log" / "access.jsonl"
        self.now = 0.0
        self.http = http_app(
            self.generators,
            keys=LiveKeys(self.keys_file, clock=lambda: self.now),
            access_log=open_access_log(self.log_file),
            **settings,
        )
        self.client = TestClient(self.http, base_url="http://localhost", follow_redirects=False)

    def key(self, *scopes: Scope) -> str:
        self.now += LOOK_EVERY_S
        return create_key(self.keys_file, "shop", scopes or ("predict",))[1]

    def revoke(self, token: str) -> None:
        self.now += LOOK_EVERY_S
        revoke_key(self.keys_file, token[4:12])

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers = []

    def start(**settings: Any) -> Server:
        server = Server(tmp_path, **settings)
        server.client.__enter__()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.client.__exit__(None, None, None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refused(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    assert response.headers["www-authenticate"].startswith('Bearer realm="adcraft"')
    return error["message"]


def test_without_a_file_of_keys_everybody_is_let_in(serve: Callable[..., Server]) -> None:
    server = serve()
    for method, path, body in GUARDED:
        assert server.client.request(method, path, json=body).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), GUARDED)
def test_a_key_is_taken_from_either_header(
    serve: Callable[..., Server], method: str, path: str, body: object
) -> None:
    server = serve()
    token = server.key("predict")
    for headers in (
        bearer(token),
        {"Authorization": f"bearer   {token} "},
        {"X-API-Key": token},
        {"Authorization": "Basic c2hvcDpzaG9w", "X-API-Key": token},
    ):
        assert server.client.request(method, path, json=body, headers=headers).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), GUARDED)
def test_no_key_a_wrong_one_and_a_revoked_one(
    serve: Callable[..., Server], method: str, path: str, body: object
) -> None:
    server = serve()
    token, revoked = server.key(), server.key()
    server.revoke(revoked)

    def ask(**headers: str) -> Any:
        return server.client.request(method, path, json=body, headers=headers)

    for nothing in (
        {},
        {"Authorization": "Basic c2hvcDpzaG9w"},
        {"Authorization": "Bearer"},
        {"X-API-Key": " "},
    ):
        missing = ask(**nothing)
        assert "Authorization: Bearer KEY" in refused(missing, 401, "key_missing")
    said = {
        refused(ask(**headers), 401, "key_invalid")
        for headers in (
            bearer("x"),
            bearer(token[:-1]),
            bearer(f"{token[:-1]}{'0' if token[-1] != '0' else '1'}"),
            bearer(f"adc_00000000{token[12:]}"),
            bearer(revoked),
            {"X-API-Key": revoked},
            {**bearer(token), "X-API-Key": "x"},
        )
    }
    assert said == {"This API key is not known, or was revoked."}
    assert not server.generators.calls


def test_a_scope_that_is_missing(serve: Callable[..., Server]) -> None:
    server = serve()
    admin = server.key("admin")
    for path, body in (("/predict", TEA), ("/batch_predict", BATCH)):
        response = server.client.post(path, json=body, headers=bearer(admin))
        message = refused(response, 403, "scope_missing")
        assert message == "This API key is for admin; this needs predict."
        assert 'error="insufficient_scope", scope="predict"' in response.headers["www-authenticate"]
    assert not server.generators.calls
    assert server.client.get("/info", headers=bearer(admin)).status_code == 200
    both = server.key("admin", "predict")
    assert server.client.post("/predict", json=TEA, headers=bearer(both)).status_code == 200


def test_a_key_is_asked_for_before_the_body_is_read(serve: Callable[..., Server]) -> None:
    server = serve()
    server.key()

    def body() -> Iterator[bytes]:
        for _ in range(30):
            yield b"[" * 1000

    for content in (b"{", b"[" * 9000, b"\xff", body()):
        response = server.client.post(
            "/predict", content=content, headers={"Content-Type": "application/json"}
        )
        refused(response, 401, "key_missing")


def test_keys_come_and_go_while_the_server_runs(serve: Callable[..., Server]) -> None:
    server = serve()
    assert server.client.post("/predict", json=TEA).status_code == 200
    token = server.key()
    assert server.client.post("/predict", json=TEA).status_code == 401
    assert server.client.post("/predict", json=TEA, headers=bearer(token)).status_code == 200
    server.revoke(token)
    assert server.client.post("/predict", json=TEA, headers=bearer(token)).status_code == 401
    assert server.client.post("/predict", json=TEA).status_code == 401, "the last key's end opens nothing"


@pytest.mark.parametrize("path", OPEN)
def test_what_needs_no_key(serve: Callable[..., Server], path: str) -> None:
    server = serve()
    server.key()
    assert server.client.get(path).status_code in {200, 307}


def test_every_other_route_wants_a_key(serve: Callable[..., Server]) -> None:
    """A new route has to say what it needs, or be in the list of open ones."""
    server = serve()
    server.key()
    documented = server.client.get("/openapi.json").json()["paths"]
    for path, operations in documented.items():
        for method in operations:
            answer = server.client.request(method, path, json={})
            assert (answer.status_code == 401) == (path not in OPEN), path
    for route in server.http.routes:
        if isinstance(route, Route) and not isinstance(route, GuardedRoute):
            assert route.path in {*OPEN, "/docs/{name}"}
    assert {path for _, path, _ in GUARDED} == documented.keys() - set(OPEN) - STATE


@pytest.mark.parametrize(
    "path",
    ["//predict", "/predict/", "/./predict", "/docs/../predict", "/%70redict", "/predict%00", "/PREDICT"],
)
def test_path_tricks_find_no_way_around(serve: Callable[..., Server], path: str) -> None:
    server = serve()
    server.key()
    assert server.client.post(path, json=TEA).status_code in {401, 404, 405}
    assert not server.generators.calls


def test_openapi_says_what_needs_a_key(serve: Callable[..., Server]) -> None:
    server = serve()
    schema = server.client.get("/openapi.json").json()
    schemes = schema["components"]["securitySchemes"]
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert (schemes["header"]["in"], schemes["header"]["name"]) == ("header", "X-API-Key")
    assert schema["paths"]["/predict"]["post"]["security"] == [{"bearer": []}, {"header": []}, {}]
    server.key()
    schema = server.client.get("/openapi.json").json()
    for method, path, _ in GUARDED:
        operation = schema["paths"][path][method.lower()]
        assert operation["security"] == [{"bearer": []}, {"header": []}]
        assert {"401", "403"} <= set(operation["responses"])
    for path in ("/health", "/ready"):
        assert "security" not in schema["paths"][path]["get"]


def test_the_log_has_a_line_for_each_request(serve: Callable[..., Server]) -> None:
    server = serve()
    token = server.key()
    client = server.client
    client.post("/predict?key=oops", json=TEA, headers={**bearer(token), "X-Request-Id": "shop-1"})
    client.post("/batch_predict", json=BATCH, headers=bearer(token))
    client.post("/predict", json=TEA)
    client.get("/health")
    client.post("/predict", json={"product_name": "broken"}, headers=bearer(token))
    log = server.log()
    assert [(line["method"], line["path"], line["status"], line["items"]) for line in log] == [
        ("POST", "/predict", 200, 1),
        ("POST", "/batch_predict", 200, 2),
        ("POST", "/predict", 401, None),
        ("GET", "/health", 200, None),
        ("POST", "/predict", 500, 1),
    ]
    assert [line["key_id"] for line in log] == [token[4:12], token[4:12], None, None, token[4:12]]
    assert [line["model_version"] for line in log] == ["3", "3", None, None, "3"]
    assert log[0]["request_id"] == "shop-1"
    assert all(line["ms"] >= 0 and line["time"].endswith("+00:00") for line in log)
    fields = {"time", "request_id", "key_id", "method", "path", "status", "ms", "model_version", "items"}
    assert all(set(line) == fields for line in log)


def test_the_log_has_neither_secret_nor_text(serve: Callable[..., Server]) -> None:
    server = serve()
    token = server.key()
    client, secret = server.client, token[13:]
    client.post("/predict", json={"product_name": "Ruby slippers"}, headers=bearer(token))
    client.post("/predict", json={"product_name": "Ruby slippers"}, headers={"X-API-Key": token})
    client.post(f"/{token}?key={token}", json={}, headers={"X-Request-Id": token})
    text = server.log_file.read_text()
    assert secret not in text
    assert "slippers" not in text
    assert [line["path"] for line in server.log()][2] == f"/adc_{token[4:12]}_..."


def test_texts_are_logged_where_that_is_set(serve: Callable[..., Server]) -> None:
    server = serve(log_texts=True)
    server.client.post("/predict", json=TEA)
    server.client.post("/batch_predict", json=BATCH)
    said = [{"product_name": "Tea", "creative": "Tea for you, 0"}]
    assert [line["texts"] for line in server.log()] == [said, said]


def test_an_unexpected_fault_and_a_refused_request_are_logged(serve: Callable[..., Server]) -> None:
    server = serve()
    server.generators.fault = ZeroDivisionError("secret detail")
    server.client.post("/predict", json=TEA)
    server.generators.fault = ApiError(503, "unavailable", "No generator is ready.")
    server.client.post("/predict", json=TEA)
    server.client.get("/health", headers={"X-Request-Id": "no good"})
    assert [line["status"] for line in server.log()] == [500, 503, 400]


@pytest.mark.parametrize("sent", ["a\nb", "a\r\nSet-Cookie: x=1", "a\tb", "\x1b[31m", "é", "a\x00"])
def test_what_is_injected_by_a_header_stands_nowhere(serve: Callable[..., Server], sent: str) -> None:
    server = serve()
    server.key()
    raw = sent.encode("latin-1")
    headers = [(b"x-request-id", raw), (b"x-api-key", b"adc_" + raw), (b"content-type", b"application/json")]
    response = server.client.post("/predict", json=TEA, headers=headers)
    assert response.status_code == 400
    error = response.json()["error"]
    assert len(error["request_id"]) == 32
    response = server.client.post("/predict", json=TEA, headers=headers[1:])
    assert refused(response, 401, "key_invalid")
    assert set(response.headers) == {"content-length", "content-type", "www-authenticate"}
    content = server.log_file.read_bytes()
    assert len(content.splitlines()) == 2
    assert all(0x20 <= byte < 0x7F or byte == 0x0A for byte in content)
    assert [line["key_id"] for line in server.log()] == [None, None]


def test_a_path_with_a_line_end_stays_on_its_line(serve: Callable[..., Server]) -> None:
    server = serve()
    server.client.get("/a%0a%7b%22status%22:200%7d%e2%80%a8")
    server.client.get("/" + "x" * 5000)
    first, second = server.log()
    assert first["path"] == '/a\n{"status":200}\u2028'
    assert len(server.log_file.read_bytes().splitlines()) == 2
    assert len(second["path"]) == 200


def test_without_a_file_the_log_goes_to_standard_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)  # Serve's, which is slow
    open_access_log(None).info("a line")
    assert capfd.readouterr().err == "a line\n"


PAGE = "https://shop.example"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-api-key",
}


def allowing(response: Any) -> set[str]:
    return {name for name in response.headers if name.startswith("access-control-")}


def test_no_page_may_call_by_default(serve: Callable[..., Server]) -> None:
    server = serve()
    response = server.client.options("/predict", headers=PREFLIGHT)
    assert response.status_code == 405
    assert not allowing(response)
    assert not allowing(server.client.post("/predict", json=TEA, headers={"Origin": PAGE}))


def test_pages_that_may_call(serve: Callable[..., Server]) -> None:
    server = serve(cors_origins=[PAGE])
    token = server.key()
    response = server.client.options("/predict", headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in response.headers
    for status, headers in ((200, bearer(token)), (401, {})):
        response = server.client.post("/predict", json=TEA, headers={"Origin": PAGE, **headers})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == PAGE
    assert [line["status"] for line in server.log()] == [200, 200, 401]


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"{PAGE}.evil.example"},
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Headers": "x-other"},
    ],
)
def test_pages_that_may_not(serve: Callable[..., Server], changed: dict[str, str]) -> None:
    server = serve(cors_origins=[PAGE])
    response = server.client.options("/predict", headers={**PREFLIGHT, **changed})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "cors_refused"
    assert "access-control-allow-origin" not in response.headers
    if "Origin" in changed:
        answer = server.client.post("/predict", json=TEA, headers=changed)
        assert "access-control-allow-origin" not in answer.headers
