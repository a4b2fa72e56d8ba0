"""The typed builder: settings in, a Serve application out.

serve run    serve_app.app:build_app serve.alias=challenger   # here, a builder with arguments
serve deploy serve_app/serve.local.yaml                       # onto a running Ray
serve build  serve_app.app:app                                # writes such a YAML, with defaults
"""
# No 'from __future__ import annotations': Serve reads the builder's annotation, and would hand over
# a plain dict if it were a string.

from typing import Any

from ray import serve
from ray.serve import Application

from serve_app.args import ServeArgs
from serve_app.generator import GeneratorReplica
from serve_app.ingress import Ingress

_UPSCALE_DELAY_S = 5.0
_DOWNSCALE_DELAY_S = 120.0
_HEALTH_CHECK_PERIOD_S = 5.0
_HEALTH_CHECK_TIMEOUT_S = 15.0
_DRAIN_MARGIN_S = 5.0
_INGRESS_REQUESTS = 2000


def build_app(args: ServeArgs) -> Application:
    """Bind ingress and generator. Empty ``home`` and ``tracking.uri`` come from the environment."""
    args = args.resolved()
    settings = args.serve
    shared: dict[str, Any] = {
        "health_check_period_s": _HEALTH_CHECK_PERIOD_S,
        "health_check_timeout_s": _HEALTH_CHECK_TIMEOUT_S,
        "graceful_shutdown_timeout_s": settings.request_timeout_s + _DRAIN_MARGIN_S,
        "graceful_shutdown_wait_loop_s": 0.5,
    }
    generator = serve.deployment(
        name="generator",
        ray_actor_options={"num_cpus": settings.threads},
        max_ongoing_requests=settings.max_ongoing_requests,
        max_queued_requests=settings.max_queued_requests,
        autoscaling_config=_autoscaling(
            settings.min_replicas, settings.max_replicas, settings.target_ongoing_requests
        ),
        **shared,
    )(GeneratorReplica)
    # The generators' queue must be full long before the ingress is: what the ingress refuses has our
    # shape, what Serve's proxy refuses before it is plain text.
    capacity = settings.max_ongoing_requests * settings.max_replicas + settings.max_queued_requests
    bound = max(_INGRESS_REQUESTS, 4 * capacity)
    ingress = serve.deployment(
        name="ingress",
        ray_actor_options={"num_cpus": 0},  # else the last generator finds no CPU on a small machine
        max_ongoing_requests=bound,
        max_queued_requests=bound,
        backpressure_config={"status_code": 429, "retry_after_s": 1},
        autoscaling_config=_autoscaling(1, settings.max_replicas, capacity),
        **shared,
    )(serve.ingress()(Ingress))
    return ingress.bind(generator.bind(args), settings)


def __getattr__(name: str) -> Application:
    """``app``: the application with default settings, built when ``serve build`` asks for it."""
    if name == "app":
        return build_app(ServeArgs())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _autoscaling(min_replicas: int, max_replicas: int, target_ongoing_requests: int) -> dict[str, Any]:
    return {
        "min_replicas": min_replicas,
        "max_replicas": max_replicas,
        "target_ongoing_requests": target_ongoing_requests,
        "upscale_delay_s": _UPSCALE_DELAY_S,
        "downscale_delay_s": _DOWNSCALE_DELAY_S,
    }
