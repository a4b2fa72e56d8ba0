"""Bytes that no good client sends: what the application answers has the one shape of errors, never a 5xx.

What is no HTTP at all is answered by uvicorn, with 400 and the end of the connection.
"""

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from adcraft.errors import SettingsError
from adcraft.settings import load_settings
from serve_app.keys.key_file import create_key, revoke_key
from tests.unit.serve_app.wire import Connection, Received, WireServer, request

TEA = b'{"product_name":"Tea"}'
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireServer]:
    """One that needs no key."""
    with WireServer(tmp_path_factory.mktemp("open"), allowed_hosts=["Copy.example"]).running() as server:
        yield server


class Guarded:
    """One that needs a key, with a good one and a revoked one."""

    def __init__(self, folder: Path) -> None:
        self.server = WireServer(folder)
        self.good = create_key(self.server.keys_file, "shop", ["predict"])[1].encode()
        key, token = create_key(self.server.keys_file, "left", ["predict"])
        revoke_key(self.server.keys_file, key.id)
        self.revoked = token.encode()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("guarded"))
    with guarded.server.running():
        yield guarded


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., WireServer]]:
    """Starts a server with settings of its own."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(WireServer(tmp_path, **settings).running())


@pytest.fixture(autouse=True)
def _nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    yield
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


def refused(answer: Received, status: int, code: str) -> str:
    """The sentence of an error, after checking its shape."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert "set-cookie" not in answer.headers
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "request_id"}
    assert body["error"]["code"] == code
    assert len(answer.body) < 2000
    return body["error"]["message"]


def post(content: bytes, *headers: bytes, path: str = "/predict") -> bytes:
    return request("POST", path, *headers, body=content)


def head(*headers: bytes) -> bytes:
    """Of a request whose body is to follow."""
    return request("POST", "/predict", b"Content-Type: application/json", *headers)


NO_HTTP = {
    "a lone line feed": request("GET", "/health", b"X-Request-Id: a\nSet-Cookie: x=1"),
    "a lone carriage return": request("GET", "/health", b"X-Request-Id: a\rSet-Cookie: x=1"),
    "a folded header": request("GET", "/health", b"X-Request-Id: a\r\n Set-Cookie: x=1"),
    "a zero byte": request("GET", "/health", b"X-Request-Id: a\0b"),
    "a space in a name": request("GET", "/health", b"X Request-Id: a"),
    "a space after a name": request("GET", "/health", b"X-Request-Id : a"),
    "a header without a colon": request("GET", "/health", b"nonsense"),
    "two lengths": head(b"Content-Length: 22", b"Content-Length: 22") + TEA,
    "two lengths that differ": head(b"Content-Length: 22", b"Content-Length: 2") + TEA,
    "a list of lengths": head(b"Content-Length: 22, 22") + TEA,
    "a length and chunks": head(b"Content-Length: 22", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and a length": head(b"Transfer-Encoding: chunked", b"Content-Length: 22") + b"0\r\n\r\n",
    "another coding": head(b"Transfer-Encoding: gzip") + TEA,
    "chunks and another coding": head(b"Transfer-Encoding: chunked, identity") + TEA,
    "a negative length": head(b"Content-Length: -1") + TEA,
    "a length with a sign": head(b"Content-Length: +22") + TEA,
    "a length of 40 digits": head(b"Content-Length: " + b"9" * 40) + TEA,
    "a chunk of no size": head(b"Transfer-Encoding: chunked") + b"zz\r\n\r\n",
    "a chunk of 120 bits": head(b"Transfer-Encoding: chunked") + b"f" * 30 + b"\r\n\r\n",
    "bytes in a path": request("GET", b"/\xff\xfe"),
    "a zero byte in a path": request("GET", b"/a\0b"),
    "a path of 1 MiB": request("GET", "/" + "a" * MIB),
    "a path without a slash": request("GET", "health"),
    "a broken address": request("GET", "http://[::1/health"),
    "a method of no RFC": request("FETCH", "/health"),
    "a method in small letters": request("get", "/health"),
    "CONNECT": request("CONNECT", "127.0.0.1:80"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 300,
}


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_ends_the_connection(server: WireServer, sent: bytes) -> None:
    calls = len(server.generators.calls)
    with Connection(server.port) as connection:
        connection.send(sent)
        answer = connection.receive()
        assert answer.status == 400
        assert "set-cookie" not in answer.headers
        assert connection.closed()
    assert len(server.generators.calls) == calls


@pytest.mark.parametrize(
    "sent", [b"a%0d%0aSet-Cookie:x=1", b"\xff\xfe", b"\xc2\x85a", b"a\tb", b"x" * 60_000]
)
def test_a_request_id_is_not_sent_back_unless_it_is_one(server: WireServer, sent: bytes) -> None:
    refused(server.ask(request("GET", "/health", b"X-Request-Id: " + sent)), 400, "invalid_request_id")


@pytest.mark.parametrize(
    "headers",
    [
        [b"X-%d: y" % number for number in range(20_000)],
        [b"Authorization: Bearer " + b"x" * 10_000_000],
        [b"X-API-Key: " + b"x" * 10_000_000],
        [b"x" * 10_000_000 + b": y"],
    ],
    ids=["20,000 headers", "Authorization of 10 MB", "key of 10 MB", "name of 10 MB"],
)
def test_headers_that_are_too_large(server: WireServer, guarded: Guarded, headers: list[bytes]) -> None:
    for one in (server, guarded.server):
        refused(one.ask(request("GET", "/info", *headers)), 431, "headers_too_large")


DEEP = 100_000
NO_JSON = {
    "lists in lists": b"[" * DEEP + b"]" * DEEP,
    "objects in objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "lists in a field": b'{"product_name":"Tea","attributes":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "an integer of 10,000 digits": b'{"product_name":"Tea","seed":' + b"9" * 10_000 + b"}",
    "latin-1": '{"product_name":"Thé"}'.encode("latin-1"),
    "half a character": b'{"product_name":"\xe2\x82"}',
    "an overlong slash": b'{"product_name":"\xc0\xaf"}',
    "two values": TEA + TEA,
    "a zero byte": TEA + b"\0",
    "a comment": b"/* */" + TEA,
}


@pytest.mark.parametrize("path", ["/predict", "/batch_predict"])
@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
def test_bodies_that_are_no_json(server: WireServer, path: str, content: bytes) -> None:
    refused(server.ask(post(content, path=path)), 400, "invalid_json")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"product_name":"Tea","variants":NaN}', "variants must be a whole number"),
        (b'{"product_name":"Tea","seed":-Infinity}', "seed must be a whole number"),
        (b'{"product_name":"Tea","seed":' + b"9" * 4000 + b"}", "seed must be at most 2147483647"),
        (b'{"product_name":"Tea","price":1e999}', "price must be between 0 and"),
        (b'{"product_name":"\\ud800"}', "product_name is empty."),
        (b'{"product_name":"Tea","\\udfff":1}', "has characters that are not valid Unicode"),
        (b'{"product_name":"Tea","placement":"\\ud800"}', "placement has characters that are not valid Unic"),
        (b'{"product_name":"\xed\xa0\x80"}', "product_name is empty."),
        (b'{"product_name":"Tea","product_name":7}', "product_name must be text, and is 7."),
        (
            b'{"product_name":"Tea",' + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}",
            "has 300,001 key",
        ),
        (b'{"product_name":' + b"[" * 800 + b"]" * 800 + b"}", "product_name must be text, and is a list."),
        (b"NaN", "The body must be a JSON object"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_json_that_is_no_product(server: WireServer, content: bytes, sentence: str) -> None:
    assert sentence in refused(server.ask(post(content)), 422, "invalid_request")
    item = server.ask(post(b'{"items":[' + content + b"]}", path="/batch_predict"))
    assert item.status == 200
    assert item.json()["results"][0]["error"]["code"] == "invalid_request"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + TEA,
        b'{"product_name":5,"product_name":"Tea"}',
        b'{"product_name":"Tea","attributes":' + b"[" * 800 + b"1" + b"]" * 800 + b"}",
        b'{"product_name":"Tea","attributes":{"a":NaN,"b":' + b"9" * 4000 + b"}}",
        b'{"product_name":"T\\u0000e\\u200ba\\u202e"}',
    ],
    ids=["byte order mark", "same key twice: the last counts", "800 lists", "numbers", "controls"],
)
def test_strange_json_that_is_a_product(server: WireServer, content: bytes) -> None:
    answer = server.ask(post(content))
    assert answer.status == 200, answer.body
    assert answer.json()["product_name"].startswith("T")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([b"Content-Type: text/plain"], "Content-Type"),
        ([b"Content-Type: application/jsonx"], "Content-Type"),
        ([b"Content-Type: \xff\xfe"], "Content-Type"),
        ([b"Content-Type: application/json", b"Content-Encoding: gzip"], "Content-Encoding"),
        ([b"Content-Type: application/json", b"Content-Encoding: identity, br"], "Content-Encoding"),
    ],
)
def test_bodies_of_another_kind(server: WireServer, headers: list[bytes], said: str) -> None:
    content = gzip.compress(TEA)
    sent = request("POST", "/predict", *headers, b"Content-Length: %d" % len(content)) + content
    assert refused(server.ask(sent), 415, "unsupported_media_type").startswith(said)


def test_a_charset_changes_nothing_since_json_is_utf_8(server: WireServer) -> None:
    content = '{"product_name":"Thé"}'.encode()
    sent = request(
        "POST", "/predict", b"Content-Type: application/json; charset=latin-1", b"Content-Length: 23"
    )
    assert server.ask(sent, content).json()["product_name"] == "Thé"


def test_100_mb_with_a_length_are_refused_before_any_of_them_was_sent(server: WireServer) -> None:
    with Connection(server.port) as connection:
        connection.send(head(b"Content-Length: 104857600"))
        refused(connection.receive(), 413, "body_too_large")


@pytest.mark.parametrize("chunked", [True, False], ids=["chunks", "a length"])
def test_100_mb_are_not_kept_in_memory(server: WireServer, chunked: bool) -> None:
    piece = b" " * MIB
    framed = b"%x\r\n%b\r\n" % (MIB, piece) if chunked else piece
    of_body = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 104857600"
    before = psutil.Process().memory_info().rss
    with Connection(server.port) as connection:
        connection.send(head(of_body))
        sent_at_answer = None
        for number in range(100):
            connection.send(framed)
            if sent_at_answer is None and connection.answered():
                sent_at_answer = number
        refused(connection.receive(), 413, "body_too_large")
    assert sent_at_answer is not None, "it answers while the body comes"
    assert psutil.Process().memory_info().rss - before < 50 * MIB
    assert server.ask(post(TEA)).status == 200


def test_a_body_that_does_not_come_is_given_up(start: Callable[..., WireServer]) -> None:
    server = start(body_timeout_s=0.2)
    for begun in (b"", TEA[:5]):
        with Connection(server.port) as connection:
            connection.send(head(b"Content-Length: 22"), begun)
            message = refused(connection.receive(), 408, "body_too_slow")
            assert message == "The body was not whole after 0.2 s (serve.body_timeout_s)."
            assert connection.closed()
    assert not server.generators.calls


def test_a_body_that_drips_has_no_longer(start: Callable[..., WireServer]) -> None:
    server = start(body_timeout_s=0.5)
    with Connection(server.port) as connection:
        connection.send(head(b"Transfer-Encoding: chunked"))
        while not connection.answered(within_s=0.02):
            connection.send(b"1\r\n \r\n")
        refused(connection.receive(), 408, "body_too_slow")


def test_a_client_that_vanishes_in_the_middle_leaves_nothing(server: WireServer) -> None:
    calls = len(server.generators.calls)
    for number, begun in enumerate((b"", TEA[:5])):
        with Connection(server.port) as connection:
            connection.send(head(b"Content-Length: 22", b"X-Request-Id: gone-%d" % number), begun)
        assert server.log_of(f"gone-{number}")["status"] in {None, 400}
    assert len(server.generators.calls) == calls
    assert server.ask(post(TEA)).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([b"Content-Type: application/json", b"Content-Length: 104857600"], 413, "body_too_large"),
        ([b"Content-Type: text/plain", b"Content-Length: 22"], 415, "unsupported_media_type"),
    ],
)
def test_who_asks_first_is_told_before_the_body(
    server: WireServer, headers: list[bytes], status: int, code: str
) -> None:
    with Connection(server.port) as connection:
        connection.send(request("POST", "/predict", b"Expect: 100-continue", *headers))
        refused(connection.receive(), status, code)


def test_who_asks_first_and_may_goes_on(server: WireServer) -> None:
    with Connection(server.port) as connection:
        connection.send(head(b"Expect: 100-continue", b"Content-Length: 22"))
        assert connection.socket.recv(25, 0x100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # MSG_WAITALL
        connection.send(TEA)
        assert connection.receive().status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/%2e%2e/%2e%2e/etc/passwd",
        "/docs/../health",
        "/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/docs/..%5c..%5cetc%5cpasswd",
        "/docs/%00",
        "/%00",
        "/%ff%fe",
        "/%ed%a0%80",
        "/%0d%0aSet-Cookie:x=1",
        "/%2568ealth",
        "//health",
        "//evil.example/health",
        "/health/",
        "/health;x=1",
        "/health%2f",
        "/health%00",
        "/HEALTH",
        "http://evil.example/nothing",
        "*",
        "/" + "a" * 60_000,
        "/" + "%61/" * 10_000,
    ],
    ids=lambda path: path[:40],
)
def test_paths_that_lead_nowhere(server: WireServer, guarded: Guarded, path: str) -> None:
    for one in (server, guarded.server):
        refused(one.ask(request("GET", path)), 404, "not_found")
        posted = one.ask(request("POST", path, body=TEA))
        refused(posted, *((404, "not_found") if posted.status == 404 else (405, "method_not_allowed")))


def test_methods_that_a_path_does_not_take(server: WireServer) -> None:
    documented = server.ask(request("GET", "/openapi.json")).json()["paths"]
    for path, operations in documented.items():
        concrete = path.replace("{", "").replace("}", "")
        allowed = {method.upper() for method in operations}
        others = {"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - allowed
        for method in sorted(others):
            answer = server.ask(request(method, concrete))
            assert answer.status == 405, (method, path)
            assert {name.strip() for name in answer.headers["allow"].split(",")} == allowed
            if method != "HEAD":
                refused(answer, 405, "method_not_allowed")


def test_a_protocol_that_it_does_not_speak(server: WireServer) -> None:
    upgrade = [
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + b"a" * 22 + b"==",
    ]
    for path in ("/predict", "/nothing"):
        with Connection(server.port) as connection:
            connection.send(request("GET", path, *upgrade, b"Upgrade: websocket"))
            assert connection.receive().status == 403
            assert connection.closed()
    assert server.ask(request("GET", "/health", b"Connection: Upgrade", b"Upgrade: h2c")).status == 200


def test_requests_that_were_sent_at_once_are_answered_in_turn(server: WireServer) -> None:
    with Connection(server.port) as connection:
        connection.send(post(TEA) + request("GET", "/nothing") + post(b"{") + request("GET", "/health"))
        statuses = []
        reader = connection.socket.makefile("rb")
        for _ in range(4):
            statuses.append(int(reader.readline().split()[1]))
            length = 0
            while line := reader.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            reader.read(length)
    assert statuses == [200, 404, 400, 200]


HERE = [
    b"127.0.0.1",
    b"127.0.0.1:8000",
    b"localhost",
    b"LOCALHOST:8000",
    b"[::1]:8000",
    b"192.168.0.7",
    b"copy.example",
    b"COPY.example:80",
]
ELSEWHERE = [
    b"evil.example",
    b"evil.example:8000",
    b"localhost.evil.example",
    b"127.0.0.1.evil.example",
    b"evil.example:127.0.0.1",
    b"copy.example.evil.example",
    b"evil.copy.example",
    b"localhost@evil.example",
    b"[evil.example]",
    b"127.0.0.1, evil.example",
    b"\xff\xfe",
    b"",
]


@pytest.mark.parametrize("host", HERE)
def test_names_of_this_server(server: WireServer, host: bytes) -> None:
    assert server.ask(request("GET", "/info", b"Host: " + host)).status == 200


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_page_whose_name_was_made_to_mean_this_machine_is_refused(server: WireServer, host: bytes) -> None:
    calls = len(server.generators.calls)
    for sent in (
        request("GET", "/info", b"Host: " + host),
        post(TEA, b"Host: " + host),
        post(TEA, b"Host: 127.0.0.1", b"Host: " + host),
    ):
        assert "serve.allowed_hosts" in refused(server.ask(sent), 421, "host_refused")
    assert len(server.generators.calls) == calls


@pytest.mark.parametrize("host", ["https://copy.example", "copy.example:80", "*", "", "a b"])
def test_an_allowed_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match=r"serve\.allowed_hosts"):
        load_settings(None, [f"serve.allowed_hosts={json.dumps([host])}"], {})


def test_a_key_does_for_any_name(guarded: Guarded) -> None:
    sent = post(TEA, b"Host: copy.shop.example", b"X-API-Key: " + guarded.good)
    assert guarded.server.ask(sent).status == 200


def test_keys_that_open_nothing(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    good, revoked = guarded.good, guarded.revoked
    missing: list[list[bytes]] = [
        [],
        [b"Authorization:"],
        [b"Authorization: Bearer"],
        [b"Authorization: Basic " + good],
        [b"Authorization: " + good],
        [b"Cookie: X-API-Key=" + good],
        [b"X-API-Key: "],
    ]
    invalid: list[list[bytes]] = [
        [b"X-API-Key: " + revoked],
        [b"Authorization: Bearer " + revoked],
        [b"X-API-Key: " + good.upper()],
        [b"X-API-Key: " + good + b"\xff"],
        [b"X-API-Key: " + good + b", " + good],
        [b"Authorization: Bearer " + good + b" " + good],
        [b"Authorization: Bearer \xff\xfe\xc2\x85"],
        [b"X-API-Key: ' OR 1=1 --"],
        [b"X-API-Key: " + b"a" * 60_000],
        [b"X-API-Key: " + revoked, b"Authorization: Bearer " + good],
        [b"X-API-Key: " + revoked, b"X-API-Key: " + good],
        [b"Authorization: Bearer " + revoked, b"Authorization: Bearer " + good],
    ]
    for code, tries in (("key_missing", missing), ("key_invalid", invalid)):
        for headers in tries:
            message = refused(guarded.server.ask(post(TEA, *headers)), 401, code)
            assert good[13:].decode() not in message
    in_query = f"/predict?api_key={good.decode()}&X-API-Key={good.decode()}"
    refused(guarded.server.ask(post(TEA, path=in_query)), 401, "key_missing")
    refused(guarded.server.ask(post(b"[" * DEEP)), 401, "key_missing")
    refused(guarded.server.ask(head(b"Content-Length: 22", b"Expect: 100-continue")), 401, "key_missing")
    assert guarded.server.ask(post(TEA, b"X-API-Key: " + good)).status == 200
    written = guarded.server.log_file.read_text() + caplog.text
    for token in (good, revoked):
        assert token[13:].decode() not in written


def test_no_answer_so_far_was_a_5xx(server: WireServer, guarded: Guarded) -> None:
    """The last test of the file: the servers' logs have all that came before."""
    server.ask(request("GET", "/health"))
    guarded.server.ask(request("GET", "/health"))
    lines: list[dict[str, Any]] = [*server.log(), *guarded.server.log()]
    assert [json.dumps(line) for line in lines if (line["status"] or 0) >= 500] == []
