"""A served application and an MLflow server that is away while it runs, or when it starts; and its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.drills.serving_app import TEXTS, Aliases, ServedApp, check, write_models
from tests.mlflow_server import Server
from tests.serving_load import RunningLoad, load

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

IN_FLIGHT = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("mlflow"))
    try:
        server.wait()
        yield server
    finally:
        server.leash.stop()


@pytest.fixture(scope="module")
def app(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    home = tmp_path_factory.mktemp("served") / "home"
    home.mkdir()
    write_models(home, spoilt=False, uri=server.uri)
    app = ServedApp(home, f"tracking.uri={server.uri}")
    yield app
    app.stop()


def test_mlflow_that_ends_and_comes_back(app: ServedApp, server: Server) -> None:
    with load(app.port, 8) as outcomes:
        server.leash.stop()
        app.wait_for_that(lambda: not app.registry_is_reachable(), "the registry is away")
        app.kill_one("ServeReplica:adcraft:generator")
        app.kill_one("ServeReplica:adcraft:control")
        app.wait_for_version("1")
        server.restart()
        app.wait_for_that(app.registry_is_reachable, "the registry is back")
        Aliases(server.uri).champion("2")
        app.wait_for_version("2")
    check(outcomes[0], "1", "2")


def test_sigterm_with_many_requests_in_flight(app: ServedApp, server: Server) -> None:
    running = RunningLoad(app.port, f"--callers={IN_FLIGHT}")
    try:
        # Each caller has had an answer, so that what is in flight is on connections that were kept.
        app.wait_for_that(
            lambda: (app.get("/stats") or {"requests": 0})["requests"] > 2 * IN_FLIGHT, "answers"
        )
        app.process.send_signal(signal.SIGTERM)
        assert app.end() == 0, app.said
        outcome = running.end()
    finally:
        running.kill()
    app.assert_nothing_is_left()
    assert outcome.failed == 0, outcome.failures
    assert outcome.sent == outcome.answered[200] + outcome.refused + outcome.unreached
    assert outcome.unreached


def test_mlflow_that_is_down_at_the_start(app: ServedApp, server: Server) -> None:
    app.process.send_signal(signal.SIGTERM)
    app.end()
    server.leash.stop()
    again = ServedApp(app.home, f"tracking.uri={server.uri}")
    try:
        with load(again.port, 8) as outcomes:
            assert not again.registry_is_reachable()
            server.restart()
            again.wait_for_that(again.registry_is_reachable, "the registry is back")
        [version] = outcomes[0].versions
        assert version in TEXTS
        check(outcomes[0], version)
    finally:
        again.stop()
