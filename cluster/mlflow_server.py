"""MLflow's pages over the SQLite file that the jobs write to, until Ctrl-C.

python -m cluster.mlflow_server [--config FILE] [--set KEY=VALUE ...] [--port 5000]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from adcraft import console
from adcraft.errors import ClusterError, SettingsError
from adcraft.settings import Settings, load_settings
from cluster.leash import Leash
from cluster.ports import LOOPBACK, is_free

# Without the first, it starts eight processes more that nobody here uses.
_ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}


def start_mlflow(settings: Settings, port: int) -> Leash:
    """Start a server over the embedded store of ``settings``, on 127.0.0.1; it writes mlflow.log there.

    Raises:
        SettingsError: tracking goes to a server already.
        ClusterError: the port is in use.
    """
    uri = settings.tracking.uri
    if uri.startswith(("http://", "https://")):
        raise SettingsError(f"tracking.uri = {uri!r} is a server already: open it in a browser.")
    if not is_free(port):
        raise ClusterError(f"Port {port} on {LOOPBACK} is in use. Choose another: --port {port + 1}.")
    home = Path(settings.home)
    home.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "cluster.mlflow_server", "--become", "--port", str(port),
        "--set", f"home={home}", "--set", f"tracking.uri={uri}",
    ]  # fmt: skip
    return Leash(command, environment={**os.environ, **_ENVIRONMENT}, log=home / "mlflow.log", grace_s=3)


def main() -> int:
    """Run a server until Ctrl-C."""
    parser = console.Parser(prog="python -m cluster.mlflow_server", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. home=/my/state")
    parser.add_argument("--port", type=int, default=5000, metavar="PORT")
    parser.add_argument("--become", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    run = _become if parsed.become else _serve
    return console.run(
        "cluster.mlflow_server",
        "mlflow",
        False,
        lambda: run(load_settings(parsed.config, parsed.set), parsed.port),
    )


def _serve(settings: Settings, port: int) -> None:
    with start_mlflow(settings, port) as leash, contextlib.suppress(KeyboardInterrupt):
        print(f"MLflow will be at http://{LOOPBACK}:{port} in a few seconds; Ctrl-C ends it.", flush=True)
        while leash.poll() is None:
            time.sleep(0.2)
        raise ClusterError(f"MLflow's server ended by itself; {leash.log} says why.")


def _become(settings: Settings, port: int) -> NoReturn:
    """Make the database, whole or not at all (the server's own way leaves a half one if it is
    interrupted), and become the server.
    """
    from adcraft.tracking.connection import connect

    connect(settings.tracking.uri)
    program = Path(sys.executable).with_name("mlflow")
    server = [
        str(program), "server", "--workers", "1", "--host", LOOPBACK, "--port", str(port),
        "--backend-store-uri", settings.tracking.uri,
    ]  # fmt: skip
    os.execv(program, server)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
