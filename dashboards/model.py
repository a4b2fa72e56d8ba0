"""What a dashboard is: rows of panels, each of which shows a few queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dashboards.query import Query

COLUMNS = 24
"""Of Grafana's grid."""

Look = Literal["lines", "number"]
Unit = Literal["short", "percentunit", "percent", "s", "reqps", "ops", "bytes", "Bps", "nats", "none"]


@dataclass(frozen=True)
class Target:
    """A query, and what its series are called: ``{{label}}`` stands for the label's value."""

    query: Query
    legend: str


@dataclass(frozen=True)
class Panel:
    """A few queries in one picture.

    Attributes:
        title: short, and its own within the dashboard.
        says: what it answers, and what to look for.
        targets: what it shows.
        unit: of the values, as Grafana calls it.
        look: lines over time, or the latest value alone.
        width: in columns.
        height: in Grafana's units, of which one is about 30 pixels.
        stacked: lines are added up.
        least: lower end of the axis.
        most: upper end of the axis.
        limit: a line that should not be crossed.
        decimals: that are shown.
    """

    title: str
    says: str
    targets: tuple[Target, ...]
    unit: Unit = "short"
    look: Look = "lines"
    width: int = 8
    height: int = 7
    stacked: bool = False
    least: float | None = 0
    most: float | None = None
    limit: float | None = None
    decimals: int | None = None


@dataclass(frozen=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """A page.

    Attributes:
        name: of its file.
        title: in Grafana.
        says: which question it answers.
        rows: from top to bottom.
    """

    name: str
    title: str
    says: str
    rows: tuple[Row, ...]

    @property
    def uid(self) -> str:
        """By which Grafana and links know it."""
        return f"adcraft-{self.name}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them."""
        return tuple(panel for row in self.rows for panel in row.panels)


@dataclass(frozen=True)
class Place:
    """Where something stands in the grid."""

    x: int
    y: int
    width: int
    height: int


def placed(dashboard: Dashboard) -> Iterator[tuple[Place, Row | Panel]]:
    """Rows and panels, from left to right and from top to bottom, and where they stand."""
    y = 0
    for row in dashboard.rows:
        yield Place(0, y, COLUMNS, 1), row
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            yield Place(x, y, panel.width, panel.height), panel
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
