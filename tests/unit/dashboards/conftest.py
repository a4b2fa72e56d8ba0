from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.dashboards.prometheus_server import PrometheusServer


@pytest.fixture
def prometheus_server() -> Iterator[PrometheusServer]:
    server = PrometheusServer()
    yield server
    server.shutdown()
    server.server_close()
