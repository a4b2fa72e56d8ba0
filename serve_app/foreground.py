"""The application in the foreground: checked first, served until Ctrl-C, then gone without a trace."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import logging
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

from adcraft.console import print_line
from adcraft.errors import BundleError, ClusterError, SettingsError, TrackingError
from adcraft.inference.bundle import open_bundle
from adcraft.settings import Settings
from cluster.ingress_drain import drain_haproxy
from cluster.ingress_proxy import haproxy_in_use, proxy_variables
from cluster.ports import is_free
from cluster.session import ray_session
from serve_app.args import ServeArgs
from serve_app.keys.exposure import check_keys
from serve_app.models.fetching import bundle_at_hand
from serve_app.models.registry_watch import RegistryWatch
from serve_app.scaling.scaling_check import check_cpus
from serve_app.scaling.scaling_plan import plan_scaling

log = logging.getLogger("serve_app")

APPLICATION = "adcraft"
_FIRST_ANSWER_S = 60.0
_EVERYWHERE = "0.0.0.0"  # noqa: S104
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception)\S*: (.+)")


def serve_until_stopped(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. What can be known to be wrong is said before Ray starts.

    Prints one line of JSON when the application answers.

    Raises:
        SettingsError: the address is none, others reach it and there is no API key, or it can't scale.
        TrackingError, BundleError: there is no such model, or it can't be used.
        ClusterError: the port is taken, or Ray or the application does not start.
    """
    args = ServeArgs.of(settings)
    _check_address(args)
    plan_scaling(args)  # the builder says what is unwise
    _check_model(args)
    host = "127.0.0.1" if settings.serve.host == _EVERYWHERE else settings.serve.host
    url = f"http://{host}:{settings.serve.port}"
    variables = functools.partial(proxy_variables, settings.serve.proxy)
    with ray_session(settings, variables), _application(args):
        model = _first_answer(url)
        log.info("%s version %s answers at %s", model["name"], model["version"], url)
        log.info("requests come in through %s", "HAProxy" if haproxy_in_use() else "Serve's own proxy")
        log.info("its documentation is at %s/docs; Ctrl-C stops it", url)
        print_line({"stage": "serve", "ok": True, "url": url, "model": model})
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                signal.pause()
        log.info("stopping")


def _check_address(args: ServeArgs) -> None:
    serve = args.serve
    if serve.host != "localhost" and not _is_ipv4(serve.host):
        raise SettingsError(
            f"serve.host = {serve.host!r} is neither an IPv4 address nor localhost. Use 127.0.0.1 for this "
            f"machine alone, {_EVERYWHERE} for everybody who reaches it."
        )
    check_keys(args, serve.host)
    if not is_free(serve.port, serve.host):
        raise ClusterError(
            f"Port {serve.port} on {serve.host} is in use, or may not be used. Stop what listens there, or "
            "choose another: --set serve.port=8001."
        )


def _check_model(args: ServeArgs) -> None:
    """Where a model is known that was good, that one serves instead; the replicas say why."""
    assignment = RegistryWatch(args).look()
    version = next(iter(assignment.versions.values()))
    try:
        open_bundle(bundle_at_hand(args, version))
    except (BundleError, TrackingError):
        if assignment.fallback in (None, version):
            raise


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


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
    for warning in check_cpus(args.serve, ray.cluster_resources().get("CPU", 0)):
        log.warning(warning)
    try:
        _start_serve(args.serve.host, args.serve.port)
        try:
            serve.run(build_app(args), name=APPLICATION, route_prefix="/")
        except RuntimeError as error:
            raise ClusterError(f"The application did not start: {_reason()}") from error
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # it is stopping already
        if left := drain_haproxy(args.serve.request_timeout_s):
            log.warning("%d requests were not answered in time, and are given up", left)
        serve.shutdown()


def _start_serve(host: str, port: int) -> None:
    from ray import serve
    from ray.exceptions import RayError

    try:
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
    except (RayError, RuntimeError) as error:
        raise ClusterError(
            f"Serve did not start: {str(error).splitlines()[0]} On a very busy machine its processes take "
            "longer than it waits for them; start it again."
        ) from error


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
