"""Prometheus over a running Ray, on 127.0.0.1, in a folder that goes with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from adcraft.errors import MonitoringError
from cluster.leash import Leash
from cluster.ports import LOOPBACK, is_free
from dashboards.build import RULES, scrape_tree, to_yaml
from dashboards.prometheus import Prometheus

START_S = 60
_RETENTION = "2d"
_DEBIAN = Path("/usr/bin/prometheus")


def program() -> str:
    """Where Prometheus is.

    Raises:
        MonitoringError: it is not installed.
    """
    found = shutil.which("prometheus") or (str(_DEBIAN) if _DEBIAN.exists() else "")
    if not found:
        raise MonitoringError(
            "Prometheus is not installed. On Debian 'make prometheus' does it; elsewhere put the program "
            "'prometheus' on PATH."
        )
    return found


@contextlib.contextmanager
def prometheus_server(discovery: Sequence[Path], port: int) -> Iterator[tuple[Prometheus, Leash]]:
    """Start one, with our rules, and wait until it answers; on the way out, end it and remove what it kept.

    Args:
        discovery: files of Ray's service discovery.
        port: of 127.0.0.1.

    Raises:
        MonitoringError: it is not installed, the port is in use, or it does not start.
    """
    command = program()
    if not is_free(port):
        raise MonitoringError(
            f"Port {port} on {LOOPBACK} is in use, perhaps by another Prometheus. Stop it, or take another "
            f"port: --port {port + 1}."
        )
    with tempfile.TemporaryDirectory(prefix="adcraft-prometheus-") as name:
        folder = Path(name)
        config = folder / "prometheus.yaml"
        config.write_text(to_yaml(scrape_tree([str(file) for file in discovery], [str(RULES)])), "utf-8")
        options = [
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--log.level=warn",
        ]
        with Leash([command, *options], environment=dict(os.environ), log=folder / "log") as leash:
            server = Prometheus(f"http://{LOOPBACK}:{port}")
            _wait(server, leash)
            yield server, leash


def _wait(server: Prometheus, leash: Leash) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if leash.poll() is not None:
            raise MonitoringError(f"Prometheus did not start: {last_words(leash)}")
        with contextlib.suppress(MonitoringError):
            if server.alerts():  # it answers before it has read its rules
                return
        time.sleep(0.1)
    raise MonitoringError(f"Prometheus did not answer within {START_S} s: {last_words(leash)}")


def last_words(leash: Leash) -> str:
    """The end of what it wrote."""
    return " / ".join(leash.output()[-3:]) or "it wrote nothing"
