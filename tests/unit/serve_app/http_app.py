"""The HTTP application over fake generators, with limits that tests reach."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI

from adcraft.settings import ServeSettings
from serve_app.counting.meter import Meter
from serve_app.http.admission import Admission
from serve_app.http.routes import build_http
from serve_app.keys.live_keys import LiveKeys
from tests.unit.serve_app.fakes import FakeGenerators

SETTINGS: dict[str, Any] = {"max_items": 20, "max_body_bytes": 20_000, "max_replicas": 1}


def http_app(
    generators: FakeGenerators,
    *,
    keys: LiveKeys,
    access_log: logging.Logger,
    meter: Meter | None = None,
    **settings: Any,
) -> FastAPI:
    """Built as the ingress builds it."""
    meter = meter or Meter()
    return build_http(
        generators,
        ServeSettings(**{**SETTINGS, **settings}),
        {"ray": "2"},
        keys=keys,
        access_log=access_log,
        admission=Admission(8, meter),
        meter=meter,
    )
