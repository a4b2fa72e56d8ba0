"""A dashboard drawn as a picture: for machines without a Grafana, and for the documents."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dashboards.model import COLUMNS, Place, Row, placed
from dashboards.panel_picture import INK, PAPER, QUIET, draw_panel
from dashboards.readings import clock_time

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dashboards.readings import Reading

_WIDTH_INCHES, _UNIT_INCHES, _HEAD_INCHES, _GAP_INCHES = 15.0, 0.31, 0.85, 0.06
_COLOURS = 128


def png(reading: Reading, dots_per_inch: int = 96) -> bytes:
    """The picture, in so few colours as such a picture has: a quarter of the bytes."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure = draw(reading)
    figure.set_facecolor(PAPER)
    figure.set_dpi(dots_per_inch)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    file = io.BytesIO()
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return file.getvalue()


def draw(reading: Reading) -> Figure:
    """Every panel of a dashboard where it stands in Grafana's grid."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    parts = list(placed(reading.dashboard))
    height = _HEAD_INCHES + _UNIT_INCHES * max(place.y + place.height for place, _ in parts) + _GAP_INCHES
    with rc_context({"font.family": "DejaVu Sans", "font.size": 8, "axes.linewidth": 0.6}):
        figure = Figure(figsize=(_WIDTH_INCHES, height))
        _head(figure, reading, height)
        for place, part in parts:
            box = _box(place, height)
            if isinstance(part, Row):
                figure.text(box[0], box[1] + box[3] * 0.3, part.title, size=10.5, weight="bold", color=INK)
            else:
                draw_panel(figure, box, part, reading)
        return figure


def _head(figure: Figure, reading: Reading, height: float) -> None:
    left, right = 0.1 / _WIDTH_INCHES, 1 - 0.1 / _WIDTH_INCHES
    figure.text(
        left, 1 - 0.36 / height, f"Adcraft / {reading.dashboard.title}", size=16, weight="bold", color=INK
    )
    figure.text(left, 1 - 0.66 / height, reading.dashboard.says, size=9.5, color=QUIET)
    figure.text(
        right,
        1 - 0.36 / height,
        f"{clock_time(reading.start)} to {clock_time(reading.end)}",
        size=9.5,
        color=QUIET,
        ha="right",
    )


def _box(place: Place, height: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height in shares of the figure."""
    column = (_WIDTH_INCHES - _GAP_INCHES) / COLUMNS
    return (
        (_GAP_INCHES + place.x * column) / _WIDTH_INCHES,
        1 - (_HEAD_INCHES + (place.y + place.height) * _UNIT_INCHES - _GAP_INCHES) / height,
        (place.width * column - _GAP_INCHES) / _WIDTH_INCHES,
        (place.height * _UNIT_INCHES - _GAP_INCHES) / height,
    )
