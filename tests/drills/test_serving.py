"""One application under load, to which everything happens: no request fails, and each answer is the text of
the model that it names.
"""

from __future__ import annotations

import select
import shutil
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.drills.serving_app import (
    CORRUPT,
    GARBAGE,
    RAISING,
    Aliases,
    ServedApp,
    check,
    resident_mib,
    write_models,
)
from tests.serving_load import RunningLoad, load

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

CALLERS = 8
BODY_TIMEOUT_S = 15  # an ingress that is flooded reads late
SLOW_CLIENTS = 50
SMALL = (
    "serve.cache_bytes=200000",
    "serve.max_ongoing_requests=16",
    "serve.max_queued_requests=16",
    f"serve.body_timeout_s={BODY_TIMEOUT_S}",
)
CAPACITY = 48  # requests that are inside at most, and that wait


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("served") / "home"
    write_models(home)
    return home


@pytest.fixture(scope="module")
def started(home: Path) -> Iterator[ServedApp]:
    app = ServedApp(home, *SMALL)
    yield app
    app.stop()


@pytest.fixture
def aliases(home: Path) -> Aliases:
    return Aliases(f"sqlite:///{home}/mlflow.db")


@pytest.fixture
def app(started: ServedApp, aliases: Aliases) -> ServedApp:
    """With version 1 in both generators."""
    aliases.champion("1")
    started.wait_for_version("1")
    return started


def test_swap_to_a_good_model_and_back(app: ServedApp, aliases: Aliases) -> None:
    with load(app.port, CALLERS) as outcomes:
        promoted = aliases.champion("2")
        app.wait_for_version("2")
        rolled_back = aliases.champion("1")
        app.wait_for_version("1")
    [outcome] = outcomes
    check(outcome, "1", "2")
    assert promoted < outcome.of("2").first < outcome.of("2").last
    assert outcome.of("1").last > rolled_back


@pytest.mark.parametrize(
    ("version", "reason"),
    [(CORRUPT, "was changed"), (GARBAGE, "answers other than what training saw"), (RAISING, "can't write")],
)
def test_model_that_must_not_serve(app: ServedApp, aliases: Aliases, version: str, reason: str) -> None:
    with load(app.port, CALLERS) as outcomes:
        aliases.champion(version)
        app.wait_for_that(lambda: reason in app.refused().get(version, ""), f"{version} is refused")
        assert app.answering()["1"] == 2
    check(outcomes[0], "1")


@pytest.mark.parametrize("deployment", ["generator", "ingress", "control"])
def test_replica_that_is_killed(app: ServedApp, deployment: str) -> None:
    with load(app.port, CALLERS) as outcomes:
        app.kill_one(f"ServeReplica:adcraft:{deployment}")
        app.wait_for_version("1")
    check(outcomes[0], "1")
    assert outcomes[0].refused == 0


def test_controller_that_is_killed(app: ServedApp, aliases: Aliases) -> None:
    with load(app.port, CALLERS) as outcomes:
        app.kill_one("ServeController")
        aliases.champion("2")
        app.wait_for_version("2")
    check(outcomes[0], "1", "2")
    assert outcomes[0].refused == 0


def test_mlflow_file_that_is_away_for_a_while(app: ServedApp, aliases: Aliases, home: Path) -> None:
    file, away = home / "mlflow.db", home / "away.db"
    with load(app.port, CALLERS) as outcomes:
        file.rename(away)
        app.wait_for_that(lambda: not app.registry_is_reachable(), "the registry is away")
        assert not file.exists()
        assert app.answering()["1"] == 2
        shutil.copyfile(away, file)
        app.wait_for_that(app.registry_is_reachable, "the registry is back")
        Aliases(f"sqlite:///{file}").champion("2")
        app.wait_for_version("2")
    check(outcomes[0], "1", "2")


def test_ten_times_as_much_as_can_be_answered(app: ServedApp) -> None:
    running = RunningLoad(app.port, f"--callers={10 * CAPACITY}", "--seconds=30")
    try:
        assert app.get("/health")
        outcome = running.end()
    finally:
        running.kill()
    check(outcome, "1")
    assert set(outcome.refusals) == {429}
    assert outcome.retry_after_s >= 1


def test_slow_clients_are_given_up_and_hold_nobody_up(app: ServedApp) -> None:
    with load(app.port, CALLERS) as outcomes, ThreadPoolExecutor(SLOW_CLIENTS) as clients:
        statuses = list(clients.map(drip, [app.port] * SLOW_CLIENTS))
    check(outcomes[0], "1")
    assert set(statuses) == {b"408"}


def test_clients_that_vanish_leave_nothing_behind(app: ServedApp) -> None:
    with load(app.port, CALLERS) as outcomes:
        for number in range(10 * CAPACITY):
            vanish(app.port, number)
    check(outcomes[0], "1")
    full = RunningLoad(app.port, f"--callers={CAPACITY}", "--count=1000", "--first=5000000")
    try:
        outcome = full.end()
    finally:
        full.kill()
    check(outcome, "1")
    # The last that vanished may be inside for a moment yet; were they all, nobody would be let in.
    assert outcome.refused < CAPACITY


def test_memory_stays_flat(app: ServedApp) -> None:
    def ask(first: int) -> dict[str, float]:
        running = RunningLoad(app.port, "--callers=16", "--repeat=30", "--count=10000", f"--first={first}")
        try:
            outcome = running.end()
        finally:
            running.kill()
        check(outcome, "1")
        assert 0 < outcome.cached < outcome.sent
        return {each: resident_mib(app.replicas(each)) for each in ("ingress", "generator", "control")}

    half, whole = ask(10_000_000), ask(20_000_000)
    print(f"MiB after 10,000 requests: {half}; after 20,000: {whole}")
    for deployment, mib in whole.items():
        assert mib < 1.05 * half[deployment] + 5, deployment


def drip(port: int) -> bytes:
    """Send a body byte by byte until an answer comes; its status."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10000\r\n\r\n{"
        )
        while not select.select([connection], [], [], 0.2)[0]:
            connection.sendall(b" ")
        return connection.recv(4096).split(b" ")[1]


def vanish(port: int, number: int) -> None:
    """Ask, and be gone before the answer."""
    body = f'{{"product_name": "Running Shoes {9_000_000 + number}"}}'.encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
