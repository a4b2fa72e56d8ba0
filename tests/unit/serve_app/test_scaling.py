"""What an application is deployed with, and which settings are refused because they can't scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import SettingsError
from adcraft.settings import ServeSettings
from serve_app.args import ServeArgs
from serve_app.scaling.autoscaling import Curve, Point, Scaling
from serve_app.scaling.capacity_file import Capacity, Machine, capacity_path, engine_settings, write_capacity
from serve_app.scaling.scaling_check import check_cpus, check_scaling
from serve_app.scaling.scaling_plan import limits, plan_scaling

CURVE = Curve(
    points=tuple(
        Point(concurrency=at, throughput_per_s=done, p50_ms=ms, p95_ms=ms)
        for at, done, ms in ((1, 5, 200), (8, 25, 320), (16, 28, 600))
    )
)


def checked(curve: Curve | None = None, **settings: Any) -> list[str]:
    serve = ServeSettings(**settings)
    return check_scaling(serve, limits(serve, curve), curve)


def refused(curve: Curve | None = None, **settings: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        checked(curve, **settings)
    return str(caught.value)


def test_defaults_can_scale() -> None:
    assert checked() == []
    assert limits(ServeSettings(), None) == Scaling(16, 64, 256)


@pytest.mark.parametrize("target_ms", [200, 201, 320, 599, 600, 5000])
def test_what_the_curve_gives_can_scale(target_ms: float) -> None:
    assert checked(CURVE, latency_target_ms=target_ms) == []


def test_a_replica_that_is_added_only_when_the_others_are_full() -> None:
    said = refused(target_ongoing_requests=64)
    assert "serve.target_ongoing_requests = 64 is not below serve.max_ongoing_requests = 64 (not set)" in said
    assert "= 16 (not set) is not below" in refused(max_ongoing_requests=16)
    assert checked(max_ongoing_requests=17) == []
    assert checked(target_ongoing_requests=64, max_replicas=1) == [], "a fixed number scales nothing"


def test_replicas_that_come_and_go() -> None:
    said = refused(downscale_delay_s=17.9)
    assert "serve.downscale_delay_s = 17.9 is less than serve.upscale_delay_s = 3" in said
    assert "Set it to 18 or more" in said
    assert checked(downscale_delay_s=18) == []
    assert checked(downscale_delay_s=0, max_replicas=1) == []


def test_a_first_request_that_can_not_wait_for_the_first_replica() -> None:
    said = refused(min_replicas=0, request_timeout_s=14)
    assert "serve.min_replicas = 0 with serve.request_timeout_s = 14" in said
    assert checked(min_replicas=0, request_timeout_s=15) == []
    assert checked(min_replicas=1, request_timeout_s=14) == []


def test_a_latency_that_no_number_of_replicas_brings() -> None:
    said = refused(CURVE, latency_target_ms=199)
    assert "serve.latency_target_ms = 199 can't be met by any number of replicas" in said
    assert "200 ms, with 1 at once" in said


def test_a_timeout_below_what_is_usual() -> None:
    said = refused(CURVE, latency_target_ms=600, request_timeout_s=0.4)
    assert "serve.request_timeout_s = 0.4 is less than the p95 of 0.5 s with 12 requests at once" in said


def test_a_queue_that_is_full_before_a_replica_is_called_for() -> None:
    said = refused(CURVE, latency_target_ms=600, max_queued_requests=50)
    assert (
        "serve.max_queued_requests = 50 is too few: of twice the load that the replicas can bear, 84" in said
    )
    assert "there is room for 70" in said, "32 - 12 in the replica, 50 before it"
    assert checked(CURVE, latency_target_ms=600, max_queued_requests=80) == []
    assert checked(CURVE, latency_target_ms=600, max_queued_requests=50, upscale_delay_s=1) == []


def test_what_is_only_unwise_is_said() -> None:
    [late] = checked(CURVE, latency_target_ms=600, max_queued_requests=1000)
    assert "the last one waits 37 s, and serve.request_timeout_s = 30" in late
    [slow] = checked(CURVE, latency_target_ms=320, target_ongoing_requests=12)
    assert "has a p95 of 460 ms, above serve.latency_target_ms = 320" in slow
    [idle] = checked(CURVE, latency_target_ms=200, max_ongoing_requests=8)
    assert "serve.max_ongoing_requests = 8 leaves a replica idle at times: it does most with 16" in idle


def test_replicas_that_do_not_fit_on_the_cluster() -> None:
    assert check_cpus(ServeSettings(max_replicas=2), 2) == []
    with pytest.raises(SettingsError, match=r"max_replicas = 3 with serve.threads = 1 needs 3 .* has 2.*=2,"):
        check_cpus(ServeSettings(max_replicas=3), 2)
    with pytest.raises(SettingsError, match=r"min_replicas = 1 with serve.threads = 4 needs 4 CPUs"):
        check_cpus(ServeSettings(threads=4), 2)
    with pytest.raises(SettingsError, match=r"min_replicas = 0 with serve.threads = 1 needs 1 CPUs"):
        check_cpus(ServeSettings(min_replicas=0), 0)


def test_a_default_that_does_not_fit_stops_nobody() -> None:
    [said] = check_cpus(ServeSettings(), 1)
    assert "Set serve.max_replicas=1" in said


def args(home: Path, **settings: Any) -> ServeArgs:
    return ServeArgs.model_validate({"home": str(home), "serve": settings})


def measured(home: Path, machine: Machine | None = None, **settings: Any) -> None:
    capacity = Capacity.model_validate(
        {
            "points": CURVE.points,
            "model": "ad_copy",
            "model_version": "7",
            "engine": engine_settings(ServeSettings(**settings)),
            "computed_in": "int8",
            "machine": machine or Machine.here(),
            "measured_at": "2026-11-27T06:00:00Z",
        }
    )
    write_capacity(capacity_path(str(home)), capacity)


def test_what_was_set_goes_first_then_the_curve(tmp_path: Path) -> None:
    measured(tmp_path)
    plan = plan_scaling(args(tmp_path, latency_target_ms=600, max_ongoing_requests=40))
    serve = plan.args.serve
    assert (serve.target_ongoing_requests, serve.max_ongoing_requests) == (12, 40)
    assert serve.max_queued_requests == 0.8 * 30 * 28 - 32
    assert (plan.throughput_per_s, plan.warnings) == (28, ())


def test_without_a_target_nothing_is_read(tmp_path: Path) -> None:
    capacity_path(str(tmp_path)).write_text("{")
    serve = plan_scaling(args(tmp_path)).args.serve
    assert (serve.target_ongoing_requests, serve.max_ongoing_requests, serve.max_queued_requests) == (
        16,
        64,
        256,
    )
    with pytest.raises(SettingsError, match="no measured curve"):
        plan_scaling(args(tmp_path, latency_target_ms=600))


def test_a_target_without_a_curve_of_these_settings_is_said(tmp_path: Path) -> None:
    plan = plan_scaling(args(tmp_path, latency_target_ms=600))
    assert plan.throughput_per_s is None
    assert plan.args.serve.max_ongoing_requests == 64
    [none] = plan.warnings
    assert "serve.latency_target_ms = 600 has no effect: there is no measured curve" in none
    assert "python -m serve_app capacity --write" in none
    measured(tmp_path, threads=2)
    [other] = plan_scaling(args(tmp_path, latency_target_ms=600)).warnings
    assert "serve.threads = 1, and it is of 2" in other


def test_a_curve_of_another_machine_counts_and_is_said(tmp_path: Path) -> None:
    measured(tmp_path, Machine(processor="Z80", cpus=1))
    plan = plan_scaling(args(tmp_path, latency_target_ms=600))
    assert plan.throughput_per_s == 28
    [said] = plan.warnings
    assert "measured on Z80 with 1 CPUs, and this is" in said
