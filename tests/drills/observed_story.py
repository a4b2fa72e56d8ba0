"""Three minutes in which everything happens that the dashboards show, before a real Prometheus."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from adcraft.errors import MonitoringError
from adcraft.registry import CHALLENGER, CHAMPION, Registry
from cluster.ports import free_port
from dashboards.prometheus import Prometheus
from tests.drills.serving_app import CORRUPT, ServedApp
from tests.jobs import TINY
from tests.serving_load import RunningLoad

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
SETTINGS = (
    "serve.canary_percent=25",
    "serve.shadow_percent=25",
    "serve.max_ongoing_requests=8",
    "serve.max_queued_requests=8",
)
_BURST_CALLERS = 96
_SETTLED_S = 25
"""Two scrapes, and the evaluation of the rules."""


def begin_with_good_models(home: Path) -> None:
    """Version 1 as champion, and 2 as challenger."""
    registry = Registry(f"sqlite:///{home}/mlflow.db", "ad_copy")
    registry.move_aliases(registry.aliases(), {CHAMPION: "1", CHALLENGER: "2"})


class Observer:
    """``python -m cluster.observe`` as a user starts it."""

    def __init__(self, ray_folder: Path, log: Path, port: int) -> None:
        self.port, page = port, free_port()
        self.prometheus = Prometheus(f"http://127.0.0.1:{self.port}")
        self.page = f"http://127.0.0.1:{page}"
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "cluster.observe", f"--port={self.port}", f"--page-port={page}",
                    f"--ray={ray_folder}",
                ],
                cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_until_up(self) -> None:
        wait_for(lambda: "Ctrl-C" in self.said, lambda: self.said)

    def stop(self) -> None:
        """However it stands; its Prometheus and their folder go, too."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def end(self) -> int:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def tell(app: ServedApp, observer: Observer, home: Path, jobs_home: Path) -> None:
    """All of it, in its order; training goes on meanwhile."""
    registry = Registry(f"sqlite:///{home}/mlflow.db", "ad_copy")
    with ThreadPoolExecutor(1) as pool:
        calm = RunningLoad(app.port, "--callers=4", "--repeat=30")
        try:
            jobs = pool.submit(run_jobs, jobs_home)
            time.sleep(15)
            RunningLoad(app.port, f"--callers={_BURST_CALLERS}", "--seconds=15", "--first=4000000").end()
            ask_for_what_is_refused(app)
            assert observer.prometheus.alerts()["AdcraftSwapFailed"] == "inactive"
            registry.move_aliases(registry.aliases(), {CHAMPION: CORRUPT})
            app.wait_for_that(lambda: CORRUPT in app.refused(), "the swap has failed")
            wait_for_alert(observer.prometheus, "AdcraftSwapFailed")
            registry.move_aliases(registry.aliases(), {CHAMPION: "2", CHALLENGER: "1"})
            app.wait_for_version("2")
            _wait_for_jobs(jobs)
            time.sleep(_SETTLED_S)
            outcome = calm.end()
            assert outcome.failed == 0, outcome.failures
        finally:
            calm.kill()


def ask_for_what_is_refused(app: ServedApp) -> None:
    """By the guardrails, since a text has a term that it may not have; and by the ingress."""
    for number in range(40):
        product = {"product_name": f"Tea Pot {number}", "brand": "Aera", "banned": ["Meet", "Here"]}
        answer = httpx.post(f"{app.url}/predict", json=product, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
    assert httpx.post(f"{app.url}/predict", json={}, timeout=60, trust_env=False).status_code == 422
    items = {"items": [{"product_name": f"Desk Lamp {number}"} for number in range(24)]}
    assert httpx.post(f"{app.url}/batch_predict", json=items, timeout=60, trust_env=False).is_success


def run_jobs(home: Path) -> None:
    """A feed, a dataset, a training run, as jobs on the same cluster."""
    home.mkdir()
    feed = home / "feed.csv"
    settings = [f"home={home}", f"data.source={feed}", *TINY, "train.max_epochs=40", "train.max_minutes=0.7"]
    stage("sample", "--rows", "600", "--output", str(feed), *_set(settings[:1]))
    stage("prepare", *_set(settings))
    stage("train", *_set(settings))


def stage(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ray_jobs", name, *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _set(settings: list[str]) -> list[str]:
    return [f"--set={setting}" for setting in settings]


def _wait_for_jobs(jobs: Future[None]) -> None:
    jobs.result(timeout=400)


def wait_for_alert(prometheus: Prometheus, name: str) -> None:
    wait_for(lambda: prometheus.alerts().get(name) == "firing", lambda: f"{name}: {prometheus.alerts()}")


def wait_for(come: Callable[[], bool], said: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _has_come(come):
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


def _has_come(come: Callable[[], bool]) -> bool:
    try:
        return come()
    except MonitoringError:
        return False
