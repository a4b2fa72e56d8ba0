"""The application in the foreground: checked first, served until Ctrl-C, then gone without a trace."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

from adcraft.console import print_line
from adcraft.errors import ClusterError, SettingsError
from adcraft.inference.bundle import open_bundle
from adcraft.registry import Registry
from adcraft.settings import ServeSettings, Settings
from cluster.ports import is_free
from cluster.session import ray_session
from serve_app.args import ServeArgs

log = logging.getLogger("serve_app")

APPLICATION = "adcraft"
_FIRST_ANSWER_S = 60.0
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception)\S*: (.+)")


def serve_until_stopped(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. What can be known to be wrong is said before Ray starts.

    Prints one line of JSON when the application answers.

    Raises:
        SettingsError: the address is not one of this machine alone.
        TrackingError, BundleError: there is no such model, or it can't be used.
        ClusterError: the port is taken, or Ray or the application does not start.
    """
    _check_address(settings.serve)
    args = ServeArgs.of(settings)
    registry = Registry(args.tracking.uri, args.tracking.model)
    open_bundle(registry.download(registry.resolve(args.serve.alias), args.models))
    url = f"http://{settings.serve.host}:{settings.serve.port}"
    with ray_session(settings), _application(args):
        model = _first_answer(url)
        log.info("%s version %s answers at %s", model["name"], model["version"], url)
        log.info("its documentation is at %s/docs; Ctrl-C stops it", url)
        print_line({"stage": "serve", "ok": True, "url": url, "model": model})
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                signal.pause()
        log.info("stopping")


def _check_address(serve: ServeSettings) -> None:
    try:
        here_alone = serve.host == "localhost" or ipaddress.IPv4Address(serve.host).is_loopback
    except ValueError:
        here_alone = False
    if not here_alone:
        raise SettingsError(
            f"serve.host = {serve.host!r} is not of this machine alone, and there is no authentication yet. "
            "Use 127.0.0.1."
        )
    if not is_free(serve.port):
        raise ClusterError(
            f"Port {serve.port} on {serve.host} is in use, or may not be used. Stop what listens there, or "
            "choose another: --set serve.port=8001."
        )


@contextlib.contextmanager
def _application(args: ServeArgs) -> Iterator[None]:
    """Run the application on the Ray that is connected; afterwards shut Serve down."""
    import ray
    from ray import serve

    from serve_app.app import build_app

    if serve.status().proxies:
        raise ClusterError(
            "Ray Serve runs on this cluster already, and this command would stop it at its end. Deploy to "
            "it instead: serve deploy serve_app/serve.local.yaml."
        )
    needed = args.serve.threads * args.serve.min_replicas
    there = ray.cluster_resources().get("CPU", 0)
    if needed > there:
        raise ClusterError(
            f"serve.min_replicas {args.serve.min_replicas} times serve.threads {args.serve.threads} is "
            f"{needed} CPUs, and Ray has {there:g}. Lower them, or raise ray.num_cpus."
        )
    try:
        serve.start(
            proxy_location="HeadOnly", http_options={"host": args.serve.host, "port": args.serve.port}
        )
        try:
            serve.run(build_app(args), name=APPLICATION, route_prefix="/")
        except RuntimeError as error:
            raise ClusterError(f"The application did not start: {_reason()}") from error
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # it is stopping already
        serve.shutdown()


def _reason() -> str:
    """Why a deployment failed: the exception of its replica, without the traceback before it."""
    from ray import serve

    application = serve.status().applications[APPLICATION]
    messages = [deployment.message for deployment in application.deployments.values()]
    for message in [*messages, application.message]:
        for line in reversed(message.splitlines()):
            if found := _EXCEPTION.match(line.strip()):
                return found[1]
    return "'serve status' and Ray's logs say more."


def _first_answer(url: str) -> dict[str, Any]:
    """The model that ``/ready`` names, as soon as it does."""
    import httpx

    deadline = time.monotonic() + _FIRST_ANSWER_S
    while True:
        try:
            answer = httpx.get(f"{url}/ready", timeout=10, trust_env=False)
            if answer.status_code == 200:
                model: dict[str, Any] = answer.json()["model"]
                return model
            found = f"{answer.status_code}: {answer.text[:200]}"
        except httpx.HTTPError as error:
            found = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            raise ClusterError(f"The application started but {url}/ready does not answer: {found}")
        time.sleep(0.1)
