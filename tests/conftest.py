"""Every test's environment: nothing of the user's, no network, no telemetry; set before Ray is imported."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adcraft.tracking import connection
from cluster.session import ENVIRONMENT

_OURS = {
    **ENVIRONMENT,
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_AUTH_MODE": "disabled",
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


@pytest.fixture(scope="session", autouse=True)
def _tables_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow's sixty migrations make the same SQLite file each time, in seconds; further ones are copies."""
    made, create = tmp_path_factory.mktemp("mlflow") / "mlflow.db", connection._create_tables

    def create_or_copy(file: Path) -> None:
        if made.exists():
            aside = file.with_name(f".{file.name}.copying")  # nobody meets it half-made
            shutil.copyfile(made, aside)
            aside.rename(file)
        else:
            create(file)
            shutil.copyfile(file, made)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "_create_tables", create_or_copy)
        yield
