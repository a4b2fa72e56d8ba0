"""Values with their units, as people read them."""

from __future__ import annotations

import math

from dashboards.model import Unit

_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
_SECONDS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_PER_SECOND = ("reqps", "ops")
_OF_BYTES = {"bytes": "", "Bps": "/s"}


def shown(value: float, unit: Unit, decimals: int | None = None) -> str:
    """The value in three digits or so.

    Args:
        value: in Grafana's unit.
        unit: which.
        decimals: as many, where nothing is cut off by a larger unit.
    """
    if math.isnan(value):
        return "–"
    if unit in {"percentunit", "percent"}:
        percent = value * 100 if unit == "percentunit" else value
        return f"{_plain(percent, decimals)}%"
    if unit == "s":
        return _scaled(value, _SECONDS, decimals) if value else "0 s"
    if unit in _OF_BYTES:
        size = _scaled(value, _BYTES, decimals) if abs(value) >= 1024 else f"{value:.0f} B"
        return size + _OF_BYTES[unit]
    if unit in _PER_SECOND:
        return f"{_short(value, decimals)}/s"
    return _short(value, decimals)


def _short(value: float, decimals: int | None) -> str:
    for size, letter in _THOUSANDS:
        if abs(value) >= size:
            return f"{_plain(value / size, None)}{letter}"
    return _plain(value, decimals)


def _scaled(value: float, units: tuple[tuple[float, str], ...], decimals: int | None) -> str:
    size, name = next((each for each in units if abs(value) >= each[0] * 0.9995), units[-1])
    return f"{_plain(value / size, decimals)} {name}"


def _plain(value: float, decimals: int | None) -> str:
    """In three digits, without noughts at the end; or with so many decimals at most."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{value:.{digits if decimals is None else min(decimals, digits)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
