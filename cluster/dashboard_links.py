"""Where Ray's dashboard looks for Prometheus and Grafana."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cluster.ports import LOOPBACK

PROMETHEUS_PORT = 9090
"""Of the Prometheus that ``make observe`` starts."""

_GRAFANA = f"http://{LOOPBACK}:3000"


def dashboard_links() -> dict[str, str]:
    """Variables of a head, which reads them when it starts; whoever has set one already keeps it.

    ``RAY_GRAFANA_HOST`` is asked by the head, ``RAY_GRAFANA_IFRAME_HOST`` by the browser.
    """
    return _links(os.environ)


def _links(environment: Mapping[str, str]) -> dict[str, str]:
    grafana = environment.get("GRAFANA_URL") or _GRAFANA
    wanted = {
        "RAY_PROMETHEUS_HOST": f"http://{LOOPBACK}:{PROMETHEUS_PORT}",
        "RAY_GRAFANA_HOST": grafana,
        "RAY_GRAFANA_IFRAME_HOST": environment.get("RAY_GRAFANA_HOST") or grafana,
    }
    return {name: value for name, value in wanted.items() if not environment.get(name)}
