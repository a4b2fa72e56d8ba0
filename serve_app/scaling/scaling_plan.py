"""What limits an application is deployed with: what was set, else by the measured curve, else the default."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from adcraft.settings import ServeSettings
from serve_app.args import ServeArgs
from serve_app.scaling.autoscaling import Curve, Scaling, scale_for
from serve_app.scaling.capacity_file import (
    MEASURE,
    Capacity,
    Machine,
    capacity_path,
    engine_settings,
    read_capacity,
)
from serve_app.scaling.scaling_check import check_scaling


@dataclass(frozen=True)
class ScalingPlan:
    """Limits that can scale.

    Attributes:
        args: with the limits filled in that were not set.
        throughput_per_s: of one replica, where it was measured.
        warnings: what is unwise, a sentence each.
    """

    args: ServeArgs
    throughput_per_s: float | None
    warnings: tuple[str, ...]


def plan_scaling(args: ServeArgs) -> ScalingPlan:
    """The limits that these settings come to.

    Raises:
        SettingsError: they can't scale, or the file of the measured curve is broken.
    """
    serve = args.serve
    curve, warnings = _measured(args) if serve.latency_target_ms else (None, [])
    scaling = limits(serve, curve)
    warnings += check_scaling(serve, scaling, curve)
    return ScalingPlan(
        args.model_copy(update={"serve": serve.model_copy(update=asdict(scaling))}),
        curve.throughput_per_s if curve else None,
        tuple(warnings),
    )


def limits(serve: ServeSettings, curve: Curve | None) -> Scaling:
    """What was set goes first."""
    derived = Scaling()
    if curve:
        derived = scale_for(
            curve,
            serve.latency_target_ms,
            request_timeout_s=serve.request_timeout_s,
            replicas=serve.min_replicas,
        )
    return Scaling(
        serve.target_ongoing_requests or derived.target_ongoing_requests,
        serve.max_ongoing_requests or derived.max_ongoing_requests,
        serve.max_queued_requests or derived.max_queued_requests,
    )


def _measured(args: ServeArgs) -> tuple[Capacity | None, list[str]]:
    path = capacity_path(args.home)
    aimed = f"serve.latency_target_ms = {args.serve.latency_target_ms:g} has no effect"
    try:
        found = read_capacity(path)
    except FileNotFoundError:
        return None, [f"{aimed}: there is no measured curve at {path}. Measure one: {MEASURE}."]
    if changed := [
        f"serve.{key} = {value}, and it is of {found.engine.get(key)}"
        for key, value in engine_settings(args.serve).items()
        if found.engine.get(key) != value
    ]:
        return None, [f"{aimed} by the curve at {path}: {'; '.join(changed)}. Measure again: {MEASURE}."]
    if found.machine != (here := Machine.here()):
        fault = f"The curve at {path} was measured on {found.machine}, and this is {here}"
        return found, [f"{fault}. Measure where the replicas run."]
    return found, []
