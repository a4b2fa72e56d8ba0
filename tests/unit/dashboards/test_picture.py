"""Pictures: each panel is there, with its lines, or says that there are none."""

from __future__ import annotations

from math import nan

import pytest

from adcraft.errors import MonitoringError
from cluster.ports import free_port
from dashboards.amounts import shown
from dashboards.boards import ALL
from dashboards.boards.service import SERVICE
from dashboards.model import Dashboard, Unit
from dashboards.picture import draw, png
from dashboards.prometheus import Prometheus, Series
from dashboards.readings import Line, Reading, legend, read
from tests.unit.dashboards.prometheus_server import PrometheusServer

START, END = 1_000_000.0, 1_000_900.0


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.name)
def test_every_panel_is_drawn_where_it_stands(board: Dashboard, prometheus_server: PrometheusServer) -> None:
    reading = read(board, Prometheus(prometheus_server.url), START, END)
    assert all(lines for lines in reading.lines.values())
    figure = draw(reading)
    texts = {text.get_text() for text in figure.texts}
    assert {panel.title for panel in board.panels} <= texts
    assert {row.title for row in board.rows} <= texts
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    lined = [panel for panel in board.panels if panel.look == "lines"]
    drawn = [axes for axes in figure.axes if axes.get_lines() and axes.get_xaxis().get_visible()]
    assert len(drawn) >= len(lined)
    queries = sum(len(panel.targets) for panel in board.panels)
    assert len(prometheus_server.asked) == queries
    assert not any("$__" in asked["query"] for asked in prometheus_server.asked)


def test_what_is_not_there_is_said(prometheus_server: PrometheusServer) -> None:
    prometheus_server.series = []
    figure = draw(read(SERVICE, Prometheus(prometheus_server.url), START, END))
    empty = [axes for axes in figure.axes if any(text.get_text() == "nothing yet" for text in axes.texts)]
    assert len(empty) == sum(panel.look == "lines" for panel in SERVICE.panels)
    assert png(Reading(SERVICE, START, END, {panel.title: () for panel in SERVICE.panels})).startswith(
        b"\x89PNG"
    )


def test_a_line_has_gaps_where_there_is_nothing() -> None:
    times = (1.0, 2.0, 3.0, 8.0, 9.0)
    [panel] = [panel for panel in SERVICE.panels if panel.title == "Prompts that wait"]
    nothing: dict[str, tuple[Line, ...]] = {panel.title: () for panel in SERVICE.panels}
    lines = {**nothing, panel.title: (Line("waiting", Series({}, times, (5.0,) * 5)),)}
    figure = draw(Reading(SERVICE, 0.0, 10.0, lines))
    drawn = [line.get_xydata().tolist() for axes in figure.axes for line in axes.get_lines()]
    [points] = [points for points in drawn if len(points) > 2]
    assert [x for x, _ in points] == [1, 2, 3, 4, 8, 9]
    assert [y == 5 for _, y in points] == [True, True, True, False, True, True]


def test_the_window_is_never_shorter_than_four_scrapes(prometheus_server: PrometheusServer) -> None:
    prometheus = Prometheus(prometheus_server.url)
    for minutes, window in ((1, "[40s]"), (15, "[40s]"), (360, "[480s]")):
        prometheus_server.asked.clear()
        read(SERVICE, prometheus, END - 60 * minutes, END)
        assert window in prometheus_server.asked[0]["query"]


def test_faults_of_prometheus_are_a_sentence(prometheus_server: PrometheusServer) -> None:
    prometheus_server.broken = 400
    with pytest.raises(MonitoringError, match=r"answered 400: .*no such function"):
        read(SERVICE, Prometheus(prometheus_server.url), START, END)
    with pytest.raises(MonitoringError, match=r"does not answer as Prometheus does: .*Is it running there"):
        Prometheus(f"http://127.0.0.1:{free_port()}").alerts()


def test_legends() -> None:
    assert legend("version {{model_version}}, {{role}}", {"model_version": "3"}) == "version 3, "


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.0, "s", None, "0 s"),
        (0.0523, "s", None, "52.3 ms"),
        (0.9999, "s", None, "1 s"),
        (90.0, "s", None, "1.5 min"),
        (0.015, "percentunit", 1, "1.5%"),
        (42.0, "percent", 0, "42%"),
        (1234.0, "reqps", None, "1.23k/s"),
        (3.0, "short", 0, "3"),
        (-0.0001, "short", None, "0"),
        (3 * 2**30, "bytes", None, "3 GiB"),
        (512.0, "bytes", None, "512 B"),
        (1.239, "nats", None, "1.24"),
        (nan, "short", None, "–"),
    ],
)
def test_amounts(value: float, unit: Unit, decimals: int | None, text: str) -> None:
    assert shown(value, unit, decimals) == text
