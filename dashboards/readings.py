"""What Prometheus has for each panel of a dashboard."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.build import SCRAPE_S
from dashboards.model import Dashboard, Panel, Target
from dashboards.prometheus import Prometheus, Series

POINTS = 180
"""In each line."""


@dataclass(frozen=True)
class Line:
    """A series with the name that its panel gives it."""

    name: str
    series: Series


@dataclass(frozen=True)
class Reading:
    """A dashboard as it looked over some time.

    Attributes:
        dashboard: which.
        start: in seconds since 1970.
        end: likewise.
        lines: of each panel, by its title.
    """

    dashboard: Dashboard
    start: float
    end: float
    lines: Mapping[str, tuple[Line, ...]]


def read(dashboard: Dashboard, prometheus: Prometheus, start: float, end: float) -> Reading:
    """Ask for every panel.

    Raises:
        MonitoringError: Prometheus can't be reached, or does not understand a query.
    """
    lines = {
        panel.title: tuple(
            line for target in panel.targets for line in read_target(target, prometheus, start, end)
        )
        for panel in dashboard.panels
    }
    return Reading(dashboard, start, end, lines)


def read_target(target: Target, prometheus: Prometheus, start: float, end: float) -> list[Line]:
    """The series of one query, by name."""
    step_s = max(1.0, round((end - start) / POINTS))
    window = f"{4 * max(SCRAPE_S, step_s):.0f}s"  # as Grafana chooses it
    found = prometheus.range(target.query.text, start, end, step_s, window)
    return sorted((Line(legend(target.legend, one.labels), one) for one in found), key=lambda line: line.name)


def clock_time(seconds: float) -> str:
    """Seconds since 1970 as the clock of this machine shows them."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """A target's legend with the values of labels in it."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), pattern)


def number(panel: Panel, lines: tuple[Line, ...]) -> float | None:
    """What a panel that shows one number shows: the latest there is."""
    if panel.look != "number":
        raise ValueError(f"{panel.title} shows lines.")
    values = [value for line in lines for value in line.series.values if value == value]  # noqa: PLR0124
    return values[-1] if values else None
