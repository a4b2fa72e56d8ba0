"""One panel of a dashboard's picture."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from dashboards.amounts import shown
from dashboards.model import Panel
from dashboards.prometheus import Series
from dashboards.readings import Line, Reading, clock_time, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]

PAPER, CARD, EDGE, GRID = "#f4f5f7", "#ffffff", "#dcdfe4", "#eceef1"
INK, QUIET, GOOD, BAD = "#24292f", "#6a737d", "#2b8a3e", "#d1242f"
COLOURS = ("#3274d9", "#e0752d", "#37872d", "#b877d9", "#c4162a", "#17a2b8", "#b58900", "#8f3bb8", "#5c6773",
           "#e377c2")  # fmt: skip
_STEPS_S = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600)
_LONGEST_NAME = 26


def draw_panel(figure: Figure, box: Box, panel: Panel, reading: Reading) -> None:
    """Title, and lines or a number, within the box (left, bottom, width, height in shares of the figure)."""
    wide, high = figure.get_size_inches()
    card: Any = figure.add_axes(box, facecolor=CARD, xticks=[], yticks=[])
    for side in card.spines.values():
        side.set_color(EDGE)
    left, bottom, width, height = box
    figure.text(
        left + 0.1 / wide, bottom + height - 0.2 / high, panel.title, size=8.5, weight="bold", color=INK
    )
    lines = reading.lines[panel.title]
    if panel.look == "number":
        _number(figure, box, panel, lines)
        return
    inner = (
        left + 0.62 / wide, bottom + 0.56 / high, width - 0.78 / wide, height - 0.86 / high,
    )  # fmt: skip
    axes = figure.add_axes(inner, facecolor=CARD)
    _axes(axes, panel, reading)
    if not lines:
        axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, color=QUIET, ha="center", va="center")
        return
    (_stacked if panel.stacked else _lines)(axes, lines)
    _limits(axes, panel)
    _names(figure, box, panel, lines)


def _axes(axes: Axes, panel: Panel, reading: Reading) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    step_s = next((step for step in _STEPS_S if (reading.end - reading.start) / step <= 5), _STEPS_S[-1])
    first = math.ceil((reading.start + step_s * 0.15) / step_s) * step_s
    for name, side in axes.spines.items():
        side.set_visible(name == "bottom")
        side.set_color(EDGE)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=7, labelcolor=QUIET, pad=3)
    axes.set_xlim(reading.start, reading.end)
    axes.set_xticks([first + step_s * number for number in range(6) if first + step_s * number < reading.end])
    letters = 5 if step_s % 60 == 0 else 8
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: clock_time(time)[:letters]))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=panel.decimals == 0 and panel.unit == "short"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, panel.unit)))


def _lines(axes: Axes, lines: tuple[Line, ...]) -> None:
    for place, line in enumerate(lines):
        colour = COLOURS[place % len(COLOURS)]
        times, values = _with_gaps(line.series)
        axes.plot(times, values, color=colour, linewidth=1.3)
        if len(lines) == 1:
            axes.fill_between(times, values, color=colour, alpha=0.1, linewidth=0)


def _with_gaps(series: Series) -> tuple[list[float], list[float]]:
    """Times and values, with no value where Prometheus left some out."""
    times, values = [series.times[0]], [series.values[0]]
    step_s = min((after - before for before, after in itertools.pairwise(series.times)), default=0.0)
    for time, value in zip(series.times[1:], series.values[1:], strict=True):
        if time - times[-1] > 1.5 * step_s:
            times.append(times[-1] + step_s)
            values.append(math.nan)
        times.append(time)
        values.append(value)
    return times, values


def _stacked(axes: Axes, lines: tuple[Line, ...]) -> None:
    """Each line upon those before it; one that has no value counts as nought there."""
    times = sorted({time for line in lines for time in line.series.times})
    below = [0.0] * len(times)
    for place, line in enumerate(lines):
        values = dict(zip(line.series.times, line.series.values, strict=True))
        found = (values.get(time, 0.0) for time in times)
        above = [
            base + (value if value == value else 0.0)  # noqa: PLR0124
            for base, value in zip(below, found, strict=True)
        ]
        colour = COLOURS[place % len(COLOURS)]
        axes.fill_between(times, below, above, color=colour, alpha=0.3, linewidth=0)
        edge = [top if top > base else math.nan for base, top in zip(below, above, strict=True)]
        axes.plot(times, edge, color=colour, linewidth=1.0)
        below = above


def _limits(axes: Axes, panel: Panel) -> None:
    low, high = axes.get_ylim()
    highest = axes.dataLim.y1 if math.isfinite(axes.dataLim.y1) else 0.0
    if panel.limit is not None:
        axes.axhline(panel.limit, color=BAD, linewidth=0.9, linestyle=(0, (4, 3)))
    if panel.least is not None:
        limit = 0.0 if panel.limit is None else panel.limit * 1.25
        low, high = panel.least, max(limit, highest * 1.1, panel.least + _least_height(panel))
    axes.set_ylim(low, panel.most if panel.most is not None else high)
    if panel.unit in {"bytes", "Bps"}:
        step = 2.0 ** math.ceil(math.log2(high / 4))
        axes.set_yticks([step * number for number in range(5) if step * number <= high])


def _least_height(panel: Panel) -> float:
    """So that a line at nought lies at the bottom, and not in the middle."""
    return {"percentunit": 0.02, "s": 0.01, "bytes": 1024.0, "Bps": 1024.0}.get(panel.unit, 1.0)


def _names(figure: Figure, box: Box, panel: Panel, lines: tuple[Line, ...]) -> None:
    """The name of each line and its latest value, below the axes, in as many rows as there is room for."""
    wide, high = figure.get_size_inches()
    left, bottom, width, _ = box
    x, y, rows = 0.0, 0.24, 1
    room = width * wide - 0.2
    for place, line in enumerate(lines):
        value = next((v for v in reversed(line.series.values) if v == v), float("nan"))  # noqa: PLR0124
        name = line.name if len(line.name) <= _LONGEST_NAME else f"…{line.name[1 - _LONGEST_NAME :]}"
        text = f"{name}  {shown(value, panel.unit, panel.decimals)}"
        length = 0.25 + 0.057 * len(text)
        if x and x + length > room:
            if rows == 2:
                figure.text(left + (0.1 + x) / wide, bottom + y / high, "…", size=7, color=QUIET)
                return
            x, y, rows = 0.0, y - 0.15, rows + 1
        at = left + (0.1 + x) / wide
        colour = COLOURS[place % len(COLOURS)]
        figure.text(at, bottom + y / high, "▬", size=7, color=colour)
        figure.text(at + 0.13 / wide, bottom + y / high, text, size=7, color=INK)
        x += length


def _number(figure: Figure, box: Box, panel: Panel, lines: tuple[Line, ...]) -> None:
    left, bottom, width, height = box
    value = number(panel, lines)
    bad = panel.limit is not None and value is not None and value >= panel.limit
    colour = BAD if bad else GOOD
    if lines:
        spark: Any = figure.add_axes(
            (left, bottom, width, height * 0.42), frameon=False, xticks=[], yticks=[]
        )
        series = lines[0].series
        spark.fill_between(series.times, series.values, color=colour, alpha=0.12, linewidth=0)
        spark.plot(series.times, series.values, color=colour, alpha=0.5, linewidth=1)
        spark.margins(x=0)
        spark.set_ylim(0, max((v for v in series.values if v == v), default=0.0) * 1.15 or 1)  # noqa: PLR0124
    text = "–" if value is None else shown(value, panel.unit, panel.decimals)
    figure.text(
        left + width / 2, bottom + height * 0.5, text, size=19, weight="bold", color=colour, ha="center",
        va="center",
    )  # fmt: skip
