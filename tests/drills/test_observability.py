"""The dashboards, rules and live page before a real Prometheus: what they ask for is there.

``make story`` runs it and keeps the pictures that it draws.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adcraft import metric_names
from cluster.local import LocalHead, local_head
from cluster.ports import free_port, is_free
from dashboards import rays_own
from dashboards.boards import ALL
from dashboards.model import Dashboard
from dashboards.picture import png
from dashboards.query import exported
from dashboards.readings import read, read_target
from dashboards.rules import ALERTS
from tests.drills.observed_story import SETTINGS, Observer, begin_with_good_models, tell
from tests.drills.serving_app import ServedApp, write_models
from tests.serving_load import BRAND

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

KNOWN = {exported(metric) for metric in (*metric_names.ALL, *rays_own.ALL)}
NOT_TOLD = {exported(metric_names.SWEEP_TRIALS)}
"""The story has no sweep; its panel shows noughts."""
MOST_SERIES = 4000
"""Of ours, buckets included; thousands of products were asked about."""


@dataclass
class Told:
    """The story, while Prometheus, the page and the application are still there."""

    observer: Observer
    head: LocalHead
    app: ServedApp
    start: float
    end: float


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    _program_or_skip()
    folder = tmp_path_factory.mktemp("story")
    home = folder / "home"
    write_models(home)
    begin_with_good_models(home)
    port = free_port()
    with pytest.MonkeyPatch.context() as patched, contextlib.ExitStack() as running:
        patched.setenv("RAY_PROMETHEUS_HOST", f"http://127.0.0.1:{port}")
        head = running.enter_context(local_head(num_cpus=6))
        for name, value in head.access.items():
            patched.setenv(name, value)
        app = ServedApp(home, f"ray.address={head.address}", *SETTINGS)
        observer = Observer(head.token_file.parent, folder / "observe.log", port)
        try:
            observer.wait_until_up()
            start = time.time()
            tell(app, observer, home, folder / "jobs")
            yield Told(observer, head, app, start, time.time())
        finally:
            observer.stop()
            app.stop()


def _program_or_skip() -> None:
    if not shutil.which("prometheus"):
        missing = "Prometheus is not installed; 'make prometheus' does it on Debian"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.name)
def test_every_target_has_data(told: Told, board: Dashboard) -> None:
    prometheus, there = told.observer.prometheus, told.observer.prometheus.names()
    empty = []
    for panel in board.panels:
        for target in panel.targets:
            named = set(re.findall(r"\b(?:ray|adcraft)_[a-z_]+", re.sub(r'"[^"]*"', "", target.query.text)))
            assert {n for n in named if re.sub(r"_bucket$|_count$", "", n) not in KNOWN} <= KNOWN
            lines = read_target(target, prometheus, told.start, told.end)
            values = [value for line in lines for value in line.series.values if math.isfinite(value)]
            if not values or not named - NOT_TOLD <= there:
                empty.append(f"{panel.title}: {target.query.text} ({named - there or 'no values'})")
    assert not empty


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.name)
def test_a_picture_of_each(told: Told, board: Dashboard, tmp_path: Path) -> None:
    folder = Path(os.environ.get("ADCRAFT_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    picture = png(read(board, told.observer.prometheus, told.start, told.end))
    (folder / f"dashboard-{board.name}.png").write_bytes(picture)
    assert picture.startswith(b"\x89PNG")


def test_alerts_are_loaded_and_only_the_failed_swap_called_anybody(told: Told) -> None:
    prometheus = told.observer.prometheus
    assert prometheus.alerts().keys() == {alert.name for alert in ALERTS}
    fired = prometheus.range('ALERTS{alertstate="firing"}', told.start, told.end, 5, "")
    assert {series.labels["alertname"] for series in fired} == {"AdcraftSwapFailed"}


def test_no_series_is_a_products(told: Told) -> None:
    prometheus = told.observer.prometheus
    [asked] = prometheus.latest("max_over_time((sum(ray_adcraft_items_total))[10m:5s])")
    [series] = prometheus.latest('count({__name__=~"ray_adcraft_.+"})')
    assert asked.values[0] > 1000
    assert series.values[0] < MOST_SERIES
    ours = prometheus.latest('{__name__=~"ray_adcraft_.+"}')
    assert not [each.labels for each in ours if BRAND in " ".join(each.labels.values())]


def test_the_live_page_and_rays_dashboard_know_prometheus(told: Told) -> None:
    page = httpx.get(told.observer.page, trust_env=False)
    assert all(board.title in page.text for board in ALL)
    picture = httpx.get(f"{told.observer.page}/service.png?minutes=5", timeout=60, trust_env=False)
    assert picture.content.startswith(b"\x89PNG")
    alerts = httpx.get(f"{told.observer.page}/alerts.json", trust_env=False).json()
    assert alerts["AdcraftNotScraped"] == "inactive"
    assert told.observer.page in told.observer.said
    health = httpx.get(
        f"{told.head.dashboard_url}/api/prometheus_health",
        headers={"Authorization": f"Bearer {told.head.token}"},
        timeout=30,
        trust_env=False,
    )
    assert health.json()["msg"] == "prometheus running"


def test_ctrl_c_ends_it_and_the_application_goes_on(told: Told) -> None:
    assert told.observer.end() == 0
    assert is_free(told.observer.port)
    assert told.app.get("/ready") is not None
