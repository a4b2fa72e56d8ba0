"""Prometheus and the live dashboards beside an application that runs on this machine, until Ctrl-C.

    python -m cluster.observe [--port 9090] [--page-port 3001] [--ray FOLDER]

Start 'make demo' or 'make cluster' before it. Where GRAFANA_URL and GRAFANA_TOKEN (or GRAFANA_TOKEN_FILE)
are set, that Grafana gets the dashboards too. Nothing of it is left when it ends; the application does not
notice.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

from adcraft import console
from adcraft.errors import ClusterError, MonitoringError
from cluster.dashboard_links import PROMETHEUS_PORT
from cluster.leash import Leash
from cluster.ports import LOOPBACK, is_free
from cluster.prometheus_server import last_words, program, prometheus_server
from cluster.rays_here import RunningRay, running_rays
from dashboards.boards import ALL
from dashboards.grafana import Grafana
from dashboards.live_page import LivePage
from dashboards.prometheus import Prometheus
from dashboards.provision import URL_VARIABLE, grafana_from, provision

PAGE_PORT = 3001
_TARGETS_S = 30


def main() -> int:
    """Observe until Ctrl-C."""
    parser = console.Parser(prog="python -m cluster.observe", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=PROMETHEUS_PORT, metavar="PORT", help="of Prometheus; Ray looks at 9090"
    )
    parser.add_argument(
        "--page-port", type=int, default=PAGE_PORT, metavar="PORT", help="of the live dashboards"
    )
    parser.add_argument(
        "--ray", type=Path, metavar="FOLDER", help="of the Ray to observe, where there are several"
    )
    parsed = parser.parse_args()
    return console.run("cluster.observe", "observe", False, lambda: _observe(parsed))


def _observe(parsed: argparse.Namespace) -> None:
    program()
    ray = _ray(parsed.ray)
    if not is_free(parsed.page_port):
        raise MonitoringError(
            f"Port {parsed.page_port} on {LOOPBACK} is in use. Take another for the live dashboards: "
            f"--page-port {parsed.page_port + 1}."
        )
    url = os.environ.get(URL_VARIABLE, "")
    grafana = grafana_from(url) if url else None
    with (
        prometheus_server([ray.discovery], parsed.port) as (prometheus, leash),
        contextlib.closing(LivePage(parsed.page_port, prometheus)) as page,
        contextlib.suppress(KeyboardInterrupt),
    ):
        _wait_for_targets(prometheus, leash)
        _say(ray, prometheus, page)
        if grafana:
            _provision(grafana, url, prometheus)
        _stay(ray, leash)


def _ray(folder: Path | None) -> RunningRay:
    """The one to observe.

    Raises:
        ClusterError: there is none, or no such one.
    """
    running = running_rays()
    if folder:
        found = next((ray for ray in running if ray.folder == folder.absolute()), None)
        if not found:
            raise ClusterError(f"No Ray of this project runs in {folder}. There are: {_listed(running)}.")
        return found
    if not running:
        raise ClusterError(
            "No application runs here that could be observed. Start 'make demo' or 'make cluster' in another "
            "terminal, wait until it is up, and run this again."
        )
    if len(running) > 1:
        print(f"Several Rays run here; this is the latest. Others, by --ray: {_listed(running[1:])}")
    return running[0]


def _listed(rays: list[RunningRay]) -> str:
    return ", ".join(str(ray.folder) for ray in rays) or "none"


def _wait_for_targets(prometheus: Prometheus, leash: Leash) -> None:
    """Until every address that Ray named was read once.

    Raises:
        MonitoringError: Prometheus ended, or one can't be read.
    """
    deadline = time.monotonic() + _TARGETS_S
    while True:
        health = prometheus.targets()
        if health and set(health.values()) == {"up"}:
            return
        if leash.poll() is not None:
            raise MonitoringError(f"Prometheus ended by itself: {last_words(leash)}")
        if time.monotonic() > deadline:
            down = ", ".join(url for url, state in health.items() if state != "up") or "no address"
            raise MonitoringError(
                f"Prometheus could not read Ray's metrics within {_TARGETS_S} s: {down}. Has the "
                f"application ended?"
            )
        time.sleep(0.2)


def _say(ray: RunningRay, prometheus: Prometheus, page: LivePage) -> None:
    print(f"Observing the Ray in {ray.folder}.\n")
    for board in ALL:
        print(f"  {board.title:10}{page.url}/#{board.name}")
    print(f"  Prometheus  {prometheus.url}/graph, alerts at {prometheus.url}/alerts\n")
    print("Ctrl-C ends this; the application goes on.", flush=True)


def _provision(grafana: Grafana, url: str, prometheus: Prometheus) -> None:
    """A Grafana that fails now is told of; what else is observed goes on."""
    try:
        changes = provision(grafana, prometheus.url)
    except MonitoringError as error:
        print(f"Grafana: {error}", file=sys.stderr, flush=True)
    else:
        done = ", ".join(f"{name} {what}" for name, what in changes.items())
        print(f"Grafana at {url}: {done}.", flush=True)


def _stay(ray: RunningRay, leash: Leash) -> None:
    there = True
    while leash.poll() is None:
        if there and not ray.discovery.exists():
            there = False
            print("The application has ended. What was observed stays until Ctrl-C.", flush=True)
        time.sleep(0.3)
    raise MonitoringError(f"Prometheus ended by itself: {last_words(leash)}")


if __name__ == "__main__":
    sys.exit(main())
