"""The typed builder: settings in, a Serve application out.

serve run    serve_app.app:build_app serve.alias=challenger   # here, a builder with arguments
serve deploy serve_app/serve.local.yaml                       # onto a running Ray
serve build  serve_app.app:app                                # writes such a YAML, with defaults
"""
# No 'from __future__ import annotations': Serve reads the builder's annotation, and would hand over
# a plain dict if it were a string.

import logging
from typing import Any

from ray import serve
from ray.serve import Application

from adcraft.settings import ServeSettings
from serve_app.args import ServeArgs
from serve_app.control import Control
from serve_app.fewest_first import FewestFirst
from serve_app.generator import GeneratorDeployment
from serve_app.http.admission import capacity
from serve_app.ingress import Ingress
from serve_app.scaling.autoscaling import LOOK_BACK_S, METRICS_INTERVAL_S, retry_after_s
from serve_app.scaling.scaling_plan import ScalingPlan, plan_scaling

log = logging.getLogger("serve_app")

_HEALTH_CHECK_PERIOD_S = 5.0
_HEALTH_CHECK_TIMEOUT_S = 15.0
_DRAIN_MARGIN_S = 5.0
_INGRESS_REQUESTS = 2000
_CONTROL_REQUESTS = 1000


def build_app(args: ServeArgs) -> Application:
    """Bind ingress, generator and control. Empty ``home`` and ``tracking.uri`` come from the environment.

    Raises:
        SettingsError: with these settings it can't scale.
    """
    plan = plan_scaling(args.resolved())
    for warning in plan.warnings:
        log.warning(warning)
    args = plan.args
    settings = args.serve
    shared: dict[str, Any] = {
        "health_check_period_s": _HEALTH_CHECK_PERIOD_S,
        "health_check_timeout_s": _HEALTH_CHECK_TIMEOUT_S,
        "graceful_shutdown_timeout_s": settings.request_timeout_s + _DRAIN_MARGIN_S,
        "graceful_shutdown_wait_loop_s": 0.5,
        "logging_config": {"enable_access_log": False},  # each request is logged once, by the ingress
    }
    generator = serve.deployment(
        name="generator",
        ray_actor_options={"num_cpus": settings.threads},
        max_ongoing_requests=settings.max_ongoing_requests,
        max_queued_requests=settings.max_queued_requests,
        autoscaling_config=_autoscaling(settings, settings.min_replicas, settings.target_ongoing_requests),
        request_router_config={"request_router_class": FewestFirst},
        max_surge_percent=100,  # else an only replica stops before the one that replaces it has started
        **shared,
    )(GeneratorDeployment)
    control = serve.deployment(
        name="control",
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=_CONTROL_REQUESTS,
        **shared,
    )(Control).bind(args)
    # The generators' queue must be full long before the ingress is: what the ingress refuses has our
    # shape, what Serve's proxy refuses before it is plain text.
    most = capacity(settings)
    bound = max(_INGRESS_REQUESTS, 4 * most)
    ingress = serve.deployment(
        name="ingress",
        ray_actor_options={"num_cpus": 0},  # else the last generator finds no CPU on a small machine
        max_ongoing_requests=bound,
        max_queued_requests=bound,
        backpressure_config={"status_code": 429, "retry_after_s": _retry_after(plan, bound)},
        autoscaling_config=_autoscaling(settings, 1, most),
        max_surge_percent=100,
        **shared,
    )(serve.ingress()(Ingress))
    return ingress.bind(generator.bind(control, args), control, args)


def __getattr__(name: str) -> Application:
    """``app``: the application with default settings, built when ``serve build`` asks for it."""
    if name == "app":
        return build_app(ServeArgs())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _autoscaling(settings: ServeSettings, min_replicas: int, target: float) -> dict[str, Any]:
    return {
        "min_replicas": min_replicas,
        # That a model can't be loaded is seen when it is deployed, not at the first request.
        "initial_replicas": max(1, min_replicas),
        "max_replicas": settings.max_replicas,
        "target_ongoing_requests": target,
        "metrics_interval_s": METRICS_INTERVAL_S,
        "look_back_period_s": LOOK_BACK_S,
        "upscale_delay_s": settings.upscale_delay_s,
        "downscale_delay_s": settings.downscale_delay_s,
    }


def _retry_after(plan: ScalingPlan, waiting: int) -> int:
    """A replica that was not measured is taken to be quick: who comes back too early is told again."""
    if plan.throughput_per_s is None:
        return 1
    return retry_after_s(waiting, plan.throughput_per_s * max(1, plan.args.serve.min_replicas))
