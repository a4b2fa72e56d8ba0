"""Load comes, and goes: generators become three, and one again, and nobody is turned away for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.serving_app import ServedApp, check, write_models
from tests.serving_load import load

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

SETTINGS = (
    "serve.min_replicas=1",
    "serve.max_replicas=3",
    "serve.target_ongoing_requests=2",
    "serve.upscale_delay_s=1",
    "serve.downscale_delay_s=20",
    "serve.cache_bytes=0",
)
CALLERS = 16


def test_from_one_to_three_and_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_models(home, spoilt=False)
    app = ServedApp(home, *SETTINGS)
    try:
        app.wait_for_version("1", generators=1)
        with load(app.port, CALLERS) as outcomes:
            app.wait_for_version("1", generators=3)
        [outcome] = outcomes
        check(outcome, "1")
        assert outcome.refused == 0
        app.wait_for_version("1", generators=1)
    finally:
        app.stop()
