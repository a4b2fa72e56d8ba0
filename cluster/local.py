"""One Ray head on this machine, on 127.0.0.1 alone, with token authentication, that ends with us.

``python -m cluster.local`` is the command of :mod:`cluster.local_command`, which adds nodes to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adcraft.errors import AdcraftError, ClusterError, TrainingError
from cluster.dashboard_links import dashboard_links
from cluster.ingress_proxy import Proxy, proxy_variables
from cluster.leash import Leash
from cluster.ports import LOOPBACK, WORKER_PORTS, free_ports, is_free
from cluster.session import ENVIRONMENT, TOO_SLOW

START_S = 90
_ATTEMPTS = 3


@dataclass(frozen=True)
class LocalHead:
    """A running head.

    Attributes:
        address: for ``ray.address``.
        dashboard_url: for people, ``ray job`` and the Job API.
        token_file: holds the token; readable by its owner alone.
        access: the environment variables that a client needs.
        environment: a whole environment with those, for a child process.
        node_environment: a whole environment for another node's processes.
        ports: of the GCS, Ray Client, agent and dashboard.
        leash: the head's processes.
    """

    address: str
    dashboard_url: str
    token_file: Path
    access: Mapping[str, str]
    environment: Mapping[str, str]
    node_environment: Mapping[str, str]
    ports: tuple[int, ...]
    leash: Leash

    @property
    def token(self) -> str:
        """The token itself."""
        return self.token_file.read_text(encoding="utf-8")


@contextlib.contextmanager
def local_head(
    num_cpus: int = 0,
    dashboard_port: int = 0,
    proxy: Proxy = "auto",
    *,
    variables: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[LocalHead]:
    """Start a head; on the way out, end exactly its processes and remove its folder.

    Where a fault leaves the block that Ray's logs may explain, they stay, and a line says where.

    Args:
        num_cpus: logical CPUs; 0 means the machine's.
        dashboard_port: preferred; another free one is taken if it is in use, or 0.
        proxy: of what is deployed on it.
        variables: of the head's environment, beside this process's.
        options: more of ``ray start``.

    Raises:
        ClusterError: it does not start.
    """
    if dashboard_port in WORKER_PORTS:
        raise ClusterError(
            f"Port {dashboard_port} can't be the dashboard's: Ray keeps {WORKER_PORTS.start} to "
            f"{WORKER_PORTS.stop - 1} for its workers. Take another one, such as 8265."
        )
    # Unix sockets have short paths, so this is not below the project or a test's folder. Ray opens its own
    # folder to everyone, so the token stands above that.
    folder = Path(tempfile.mkdtemp(prefix="adcraft-", dir=os.environ.get("RAY_TMPDIR") or "/tmp"))  # noqa: S108
    try:
        own = {**proxy_variables(proxy, folder), **(variables or {})}
        with _start(folder, num_cpus, dashboard_port, own, options) as head:
            yield head
    except BaseException as error:
        explained = isinstance(error, AdcraftError) and not isinstance(error, ClusterError | TrainingError)
        if isinstance(error, Exception) and not explained:
            print(f"Ray's logs are in {folder}.", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _start(
    folder: Path,
    num_cpus: int,
    dashboard_port: int,
    variables: Mapping[str, str],
    options: Sequence[str],
) -> Iterator[LocalHead]:
    """A head on free ports; once more where somebody took one of them before Ray did, or where a busy
    machine was not as fast as Ray wants it.
    """
    token_file = folder / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_hex(32), encoding="utf-8")
    for attempt in range(1, _ATTEMPTS + 1):
        ports = free_ports(0, 0, 0, dashboard_port)
        with contextlib.ExitStack() as running:
            try:
                head = launch(folder, num_cpus, token_file, ports, variables, options, running)
            except ClusterError as error:
                running.close()
                again = TOO_SLOW in str(error) or not all(is_free(port) for port in ports)
                if attempt < _ATTEMPTS and again:
                    continue
                raise
            yield head
            return


def launch(
    folder: Path,
    num_cpus: int,
    token_file: Path,
    ports: Sequence[int],
    variables: Mapping[str, str],
    options: Sequence[str],
    running: contextlib.ExitStack,
) -> LocalHead:
    """A head that ends with ``running``; see :func:`local_head` and :class:`LocalHead`.

    Raises:
        ClusterError: it does not start.
    """
    port, client, agent, dashboard = ports
    address, url = f"{LOOPBACK}:{port}", f"http://{LOOPBACK}:{dashboard}"
    access = {
        "RAY_ADDRESS": address,
        "RAY_API_SERVER_ADDRESS": url,  # of 'ray job'
        "RAY_DASHBOARD_ADDRESS": url,  # of 'serve'
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        # By this, Ray takes the loopback address as the node's, so nothing listens elsewhere.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }
    environment = _environment(access)
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats",
        f"--port={port}", f"--ray-client-server-port={client}", f"--dashboard-agent-listen-port={agent}",
        f"--dashboard-host={LOOPBACK}", f"--dashboard-port={dashboard}",
        f"--temp-dir={folder / 'ray'}", "--log-style=record", "--log-color=false",
        *([f"--num-cpus={num_cpus}"] if num_cpus else []), *options,
    ]  # fmt: skip
    own = {
        name: value
        for name, value in {**dashboard_links(), **environment, **variables}.items()
        if name != "RAY_ADDRESS"
    }
    leash = running.enter_context(Leash(command, environment=own, log=folder / "head.log"))
    head = LocalHead(address, url, token_file, access, environment, own, tuple(ports), leash)
    # Jobs are taken by the dashboard, and run by the node's agent, which may be there later.
    version = json.loads(_wait_for(f"{url}/api/version", head))
    if version.get("session_name") != (folder / "ray" / "session_latest").resolve().name:
        raise ClusterError(f"Another Ray answers at {url}. Wait until it has ended, or take another port.")
    _wait_for(f"http://{LOOPBACK}:{agent}/api/local_raylet_healthz", head)
    return head


def _environment(access: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, pointed at the head, with this Python first on PATH."""
    programs = str(Path(sys.executable).parent)
    return {
        **ENVIRONMENT,
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_JOB")},
        **access,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _wait_for(url: str, head: LocalHead) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {head.token}"})  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if head.leash.poll() is not None:
            raise ClusterError(f"Ray's head did not start: {head.leash.last_words()}")
        with contextlib.suppress(OSError), direct.open(request, timeout=5) as answer:
            content: bytes = answer.read()
            return content
        time.sleep(0.1)
    raise ClusterError(f"Ray's head was not ready after {START_S} s: {head.leash.last_words()}")


if __name__ == "__main__":
    from cluster.local_command import main

    sys.exit(main())
