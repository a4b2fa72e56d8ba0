"""Settings that can't scale are refused before anything starts; what is only unwise is said."""

from __future__ import annotations

from adcraft.errors import SettingsError
from adcraft.settings import ServeSettings
from serve_app.scaling.autoscaling import START_S, Curve, Scaling


def check_scaling(serve: ServeSettings, scaling: Scaling, curve: Curve | None) -> list[str]:
    """What is unwise about the settings, a sentence each.

    Args:
        serve: as they were given.
        scaling: what the limits come to with them.
        curve: of one replica, where it was measured and a latency is aimed at.

    Raises:
        SettingsError: they can't do what they are for.
    """
    if curve:
        _check_target(serve, scaling, curve)
    if serve.max_replicas > serve.min_replicas:
        _check_limits(serve, scaling)
        _check_delays(serve)
        if curve:
            _check_queue(serve, scaling, curve)
    return _unwise(serve, scaling, curve) if curve else []


def check_cpus(serve: ServeSettings, cpus: float) -> list[str]:
    """What is unwise on a cluster of so many CPUs, a sentence each.

    Raises:
        SettingsError: the replicas don't fit on it.
    """
    fewest = max(1, serve.min_replicas)
    if (needed := serve.threads * fewest) > cpus:
        raise SettingsError(
            f"serve.min_replicas = {serve.min_replicas} with serve.threads = {serve.threads} needs {needed} "
            f"CPUs, and Ray has {cpus:g}. Lower them, or raise ray.num_cpus."
        )
    if (needed := serve.threads * serve.max_replicas) <= cpus:
        return []
    fault = (
        f"serve.max_replicas = {serve.max_replicas} with serve.threads = {serve.threads} needs {needed} "
        f"CPUs, and Ray has {cpus:g}: under load Serve would wait for some that never come. "
        f"Set serve.max_replicas={int(cpus // serve.threads)}, or raise ray.num_cpus."
    )
    if "max_replicas" in serve.model_fields_set:
        raise SettingsError(fault)
    return [fault]  # nobody asked for so many: a machine with one CPU serves all the same


def _check_target(serve: ServeSettings, scaling: Scaling, curve: Curve) -> None:
    best = curve.quickest
    if serve.latency_target_ms < best.p95_ms:
        raise SettingsError(
            f"serve.latency_target_ms = {serve.latency_target_ms:g} can't be met by any number of replicas: "
            f"the best p95 that was measured is {best.p95_ms:.0f} ms, with {best.concurrency} at once. Aim "
            "higher, or give the engine more serve.threads and measure again."
        )
    p95_s = curve.p95_at(scaling.target_ongoing_requests) / 1000
    if serve.request_timeout_s < p95_s:
        raise SettingsError(
            f"serve.request_timeout_s = {serve.request_timeout_s:g} is less than the p95 of {p95_s:.1f} s "
            f"with {scaling.target_ongoing_requests:g} requests at once. Raise it, or lower "
            "serve.target_ongoing_requests."
        )


def _check_limits(serve: ServeSettings, scaling: Scaling) -> None:
    if scaling.target_ongoing_requests >= scaling.max_ongoing_requests:
        target = _given(serve, scaling, "target_ongoing_requests")
        most = _given(serve, scaling, "max_ongoing_requests")
        raise SettingsError(
            f"serve.target_ongoing_requests = {target} is not below serve.max_ongoing_requests = {most}: a "
            "replica would be added only once the others are full and requests wait in front of them. Lower "
            "the first, to about a quarter of the second."
        )
    if serve.min_replicas == 0 and serve.request_timeout_s < START_S:
        raise SettingsError(
            f"serve.min_replicas = 0 with serve.request_timeout_s = {serve.request_timeout_s:g}: the first "
            f"request would be given up before a replica has started, which takes up to {START_S:g} s. Set "
            "serve.min_replicas=1, or raise the time."
        )


def _check_delays(serve: ServeSettings) -> None:
    shortest = serve.upscale_delay_s + START_S
    if serve.downscale_delay_s < shortest:
        raise SettingsError(
            f"serve.downscale_delay_s = {serve.downscale_delay_s:g} is less than serve.upscale_delay_s = "
            f"{serve.upscale_delay_s:g} and the {START_S:g} s that a replica takes to start: replicas would "
            f"come and go without end. Set it to {shortest:g} or more; 60 is usual."
        )


def _check_queue(serve: ServeSettings, scaling: Scaling, curve: Curve) -> None:
    """Where twice of what the replicas can do arrives, half of it waits until another one is called for."""
    replicas = max(1, serve.min_replicas)
    free = scaling.max_ongoing_requests - scaling.target_ongoing_requests
    room = replicas * free + scaling.max_queued_requests
    left_over = replicas * curve.throughput_per_s * serve.upscale_delay_s
    if room < left_over:
        raise SettingsError(
            f"serve.max_queued_requests = {_given(serve, scaling, 'max_queued_requests')} is too few: of "
            f"twice the load that the replicas can bear, {left_over:.0f} requests are left over in "
            f"serve.upscale_delay_s = {serve.upscale_delay_s:g}, and there is room for {room:.0f}. The rest "
            "would be refused before a replica is even called for. Raise it, or lower the delay."
        )


def _unwise(serve: ServeSettings, scaling: Scaling, curve: Curve) -> list[str]:
    found = []
    replicas = max(1, serve.min_replicas)
    most = scaling.max_ongoing_requests * replicas + scaling.max_queued_requests
    if (wait_s := most / (curve.throughput_per_s * replicas)) > serve.request_timeout_s:
        found.append(
            f"serve.max_queued_requests = {_given(serve, scaling, 'max_queued_requests')} lets in what is "
            f"given up later: until a replica is added the last one waits {wait_s:.0f} s, and "
            f"serve.request_timeout_s = {serve.request_timeout_s:g}."
        )
    if (p95_ms := curve.p95_at(scaling.target_ongoing_requests)) > serve.latency_target_ms:
        found.append(
            f"serve.target_ongoing_requests = {_given(serve, scaling, 'target_ongoing_requests')} has a p95 "
            f"of {p95_ms:.0f} ms, above serve.latency_target_ms = {serve.latency_target_ms:g}."
        )
    if scaling.max_ongoing_requests < curve.saturation:
        found.append(
            f"serve.max_ongoing_requests = {scaling.max_ongoing_requests} leaves a replica idle at times: it "
            f"does most with {curve.saturation} at once."
        )
    return found


def _given(serve: ServeSettings, scaling: Scaling, key: str) -> str:
    """The value that counts, and whether somebody set it."""
    value = f"{getattr(scaling, key):g}"
    return value if getattr(serve, key) else f"{value} (not set)"
