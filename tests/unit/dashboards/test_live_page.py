"""The live page: what it shows, and to whom."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from dashboards.boards import ALL
from dashboards.live_page import LivePage
from dashboards.prometheus import Prometheus
from tests.unit.dashboards.prometheus_server import PrometheusServer


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def page(prometheus_server: PrometheusServer, clock: Clock) -> Iterator[LivePage]:
    page = LivePage(0, Prometheus(prometheus_server.url), clock)
    yield page
    page.close()


def test_page_and_alerts(page: LivePage) -> None:
    answer = httpx.get(page.url, trust_env=False)
    assert answer.status_code == 200
    assert all(f'["{board.name}", "{board.title}"]' in answer.text for board in ALL)
    assert page.prometheus.url in answer.text
    assert "BOARDS" not in answer.text
    assert httpx.get(f"{page.url}/alerts.json", trust_env=False).json() == {"AdcraftSlow": "firing"}


def test_a_picture_is_drawn_once_for_all_who_look(
    page: LivePage, prometheus_server: PrometheusServer, clock: Clock
) -> None:
    first = httpx.get(f"{page.url}/training.png?minutes=5", trust_env=False)
    assert first.headers["content-type"] == "image/png"
    asked = len(prometheus_server.asked)
    assert float(prometheus_server.asked[0]["start"]) == clock.now - 300
    assert httpx.get(f"{page.url}/training.png?minutes=5", trust_env=False).content == first.content
    assert len(prometheus_server.asked) == asked
    clock.now += 6
    httpx.get(f"{page.url}/training.png?minutes=5", trust_env=False)
    assert len(prometheus_server.asked) == 2 * asked


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/training.png?minutes=0", 400),
        ("/training.png?minutes=x", 400),
        ("/training.png?minutes=99999", 400),
        ("/other.png", 404),
        ("/../build.py", 404),
    ],
)
def test_what_is_not_there(page: LivePage, path: str, status: int) -> None:
    assert httpx.get(f"{page.url}{path}", trust_env=False).status_code == status


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3001", ""])
def test_a_name_that_is_not_this_machines_is_refused(page: LivePage, host: str) -> None:
    assert httpx.get(page.url, headers={"host": host}, trust_env=False).status_code == 421


def test_prometheus_that_is_gone_is_said(page: LivePage, prometheus_server: PrometheusServer) -> None:
    prometheus_server.broken = 503
    answer = httpx.get(f"{page.url}/service.png", trust_env=False)
    assert (answer.status_code, page.prometheus.url in answer.text) == (503, True)
