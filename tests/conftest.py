"""Every test's environment: nothing of the user's, no network, no telemetry; set before Ray is imported."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_OURS = {
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_THEIRS = ("ADCRAFT_HOME", "MLFLOW_TRACKING_URI", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN")

for _name in _THEIRS:
    os.environ.pop(_name, None)
os.environ.update(_OURS)


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A test that forgets to say where leaves nothing in ~/.adcraft."""
    home = tmp_path_factory.mktemp("home")
    os.environ["ADCRAFT_HOME"] = str(home)
    yield home
    os.environ.pop("ADCRAFT_HOME", None)
