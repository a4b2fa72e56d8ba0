"""A dashboard as the JSON that Grafana 10 to 13 import."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from dashboards.model import Dashboard, Panel, Place, Row, placed

SCHEMA_VERSION = 38
"""Of Grafana 10.0; newer ones bring it to theirs when they load it."""

TAG = "adcraft"
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
RAY_DASHBOARD, MLFLOW = "http://127.0.0.1:8265", "http://127.0.0.1:5000"
"""Where a link leads unless the box at the top of the dashboard says otherwise."""


def grafana_json(dashboard: Dashboard) -> dict[str, Any]:
    """The tree that becomes JSON. It has no ``id`` and no ``version``: those are a server's."""
    panels = []
    for number, (place, part) in enumerate(placed(dashboard), start=1):
        panels.append(_row(number, place, part) if isinstance(part, Row) else _panel(number, place, part))
    return {
        "uid": dashboard.uid,
        "title": f"Adcraft / {dashboard.title}",
        "description": dashboard.says,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-15m", "to": "now"},
        "refresh": "10s",
        "links": _links(),
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "panels": panels,
    }


def _links() -> list[dict[str, Any]]:
    page = {"asDropdown": False, "icon": "external link", "targetBlank": True, "tooltip": "", "tags": []}
    return [
        {
            "type": "dashboards",
            "title": "Adcraft",
            "tags": [TAG],
            "asDropdown": False,
            "icon": "dashboard",
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
            "tooltip": "",
            "url": "",
        },
        {"type": "link", "title": "Ray", "url": "${ray_dashboard}", **page},
        {"type": "link", "title": "MLflow", "url": "${mlflow}", **page},
    ]


def _variables() -> list[dict[str, Any]]:
    source = {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "refresh": 1,
        "current": {},
        "options": [],
    }
    boxes = (("ray_dashboard", "Ray's dashboard", RAY_DASHBOARD), ("mlflow", "MLflow", MLFLOW))
    return [source, *(_box(*box) for box in boxes)]


def _box(name: str, label: str, url: str) -> dict[str, Any]:
    option = {"selected": True, "text": url, "value": url}
    return {
        "name": name,
        "label": label,
        "type": "textbox",
        "query": url,
        "hide": 0,
        "current": option,
        "options": [option],
    }


def _row(number: int, place: Place, row: Row) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": _position(place),
        "panels": [],
    }


def _position(place: Place) -> dict[str, int]:
    return {"x": place.x, "y": place.y, "w": place.width, "h": place.height}


def _panel(number: int, place: Place, panel: Panel) -> dict[str, Any]:
    number_only = panel.look == "number"
    return {
        "id": number,
        "type": "stat" if number_only else "timeseries",
        "title": panel.title,
        "description": panel.says,
        "gridPos": _position(place),
        "datasource": DATA_SOURCE,
        "targets": _targets(panel),
        "fieldConfig": {"defaults": _field(panel, number_only), "overrides": []},
        "options": _number_options() if number_only else _line_options(),
    }


def _targets(panel: Panel) -> Sequence[dict[str, Any]]:
    letters = map(chr, itertools.count(ord("A")))
    return [
        {
            "refId": letter,
            "datasource": DATA_SOURCE,
            "expr": target.query.text,
            "legendFormat": target.legend,
            "editorMode": "code",
            "range": True,
            "instant": False,
        }
        for letter, target in zip(letters, panel.targets, strict=False)
    ]


def _field(panel: Panel, number_only: bool) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    field: dict[str, Any] = {
        "unit": _UNITS.get(panel.unit, panel.unit),
        "color": {"mode": "thresholds" if number_only else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    ends = {"min": panel.least, "max": panel.most, "decimals": panel.decimals}
    field |= {name: value for name, value in ends.items() if value is not None}
    if not number_only:
        field["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 25 if panel.stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if panel.limit is None else "line"},
        }
    return field


_UNITS = {"nats": "none"}
"""What Grafana calls a unit that it does not know."""


def _number_options() -> dict[str, Any]:
    return {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }


def _line_options() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
