"""From a curve and a latency to limits: every curve has some, and more time never means less."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serve_app.scaling.autoscaling import Curve, Point, retry_after_s, scale_for


def curve_of(*points: tuple[int, float, float]) -> Curve:
    return Curve(
        points=tuple(
            Point(concurrency=at, throughput_per_s=done, p50_ms=ms, p95_ms=ms) for at, done, ms in points
        )
    )


MEASURED = curve_of((1, 5, 200), (2, 9, 220), (4, 16, 250), (8, 24, 330), (16, 27, 600), (32, 28, 1150))
"""A replica that gets nothing but longer waits from 16 callers on."""

positive = st.floats(0.01, 1e5)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """Any that can be measured: throughput and latency may fall and rise."""
    at = sorted(draw(st.sets(st.integers(1, 128), min_size=1, max_size=8)))
    return curve_of(*((concurrency, draw(positive), draw(positive)) for concurrency in at))


def scaled(curve: Curve, target_ms: float, timeout_s: float = 30, replicas: int = 1):
    return scale_for(curve, target_ms, request_timeout_s=timeout_s, replicas=replicas)


def test_limits_are_read_off_the_curve() -> None:
    scaling = scaled(MEASURED, 465)
    assert MEASURED.concurrency_within(465) == 12, "half-way between 330 ms at 8 and 600 ms at 16"
    assert scaling.target_ongoing_requests == 9
    assert MEASURED.saturation == 16
    assert scaling.max_ongoing_requests == 2 * 16, "as many again as keep the engine busy"
    assert scaling.max_queued_requests == 0.8 * 30 * 28 - 32


def test_a_target_that_many_meet_takes_the_largest_that_was_measured() -> None:
    assert MEASURED.concurrency_within(5000) == 32
    assert scaled(MEASURED, 5000).max_ongoing_requests == 32


def test_a_target_that_none_meets_gives_the_limits_of_the_quickest() -> None:
    assert MEASURED.concurrency_within(199) is None
    assert MEASURED.quickest.p95_ms == 200
    assert scaled(MEASURED, 199) == scaled(MEASURED, 200)


def test_more_replicas_let_more_wait_and_none_counts_as_one() -> None:
    assert scaled(MEASURED, 465, replicas=3).max_queued_requests == 3 * (672 - 32)
    assert scaled(MEASURED, 465, replicas=0) == scaled(MEASURED, 465)


def test_between_points_the_curve_is_straight_and_beyond_them_level() -> None:
    assert [MEASURED.p95_at(at) for at in (0.5, 1, 3, 8, 12, 32, 99)] == [200, 200, 235, 330, 465, 1150, 1150]


@pytest.mark.parametrize("points", [[], [(2, 1, 1), (1, 1, 1)], [(1, 1, 1), (1, 2, 2)], [(1, 0, 1)]])
def test_what_is_no_curve_is_refused(points: list[tuple[int, float, float]]) -> None:
    with pytest.raises(ValidationError):
        curve_of(*points)


@given(curves(), positive, st.floats(0.1, 600), st.integers(0, 9))
def test_every_curve_gives_limits_that_can_scale(
    curve: Curve, target_ms: float, timeout_s: float, replicas: int
) -> None:
    scaling = scaled(curve, target_ms, timeout_s, replicas)
    assert 0 < scaling.target_ongoing_requests < scaling.max_ongoing_requests
    assert scaling.max_ongoing_requests > curve.saturation, "the next batch lies ready"
    assert scaling.max_queued_requests >= 1
    per_replica = scaling.max_ongoing_requests + scaling.max_queued_requests / max(1, replicas)
    assert scaling.max_queued_requests == 1 or per_replica / curve.throughput_per_s <= timeout_s


@given(curves(), positive)
def test_the_target_is_met_where_the_curve_meets_it(curve: Curve, target_ms: float) -> None:
    bearable = curve.concurrency_within(target_ms)
    if bearable is None:
        assert curve.quickest.p95_ms > target_ms
    else:
        assert curve.p95_at(bearable) <= target_ms * (1 + 1e-9)
        assert all(point.p95_ms > target_ms for point in curve.points if point.concurrency > bearable)


@given(curves(), positive, positive, st.floats(0.1, 600), st.floats(0.1, 600))
def test_more_time_never_means_less(
    curve: Curve, target_ms: float, more_ms: float, timeout_s: float, more_s: float
) -> None:
    strict, lax = scaled(curve, target_ms), scaled(curve, target_ms + more_ms)
    assert strict.target_ongoing_requests <= lax.target_ongoing_requests * (1 + 1e-9)
    assert strict.max_ongoing_requests <= lax.max_ongoing_requests
    short, long = (scaled(curve, target_ms, seconds) for seconds in (timeout_s, timeout_s + more_s))
    assert short.max_queued_requests <= long.max_queued_requests


@given(curves(), positive, st.floats(1, 10))
def test_a_quicker_replica_never_gets_less_to_do(curve: Curve, target_ms: float, times: float) -> None:
    quicker = curve_of(*((p.concurrency, p.throughput_per_s * times, p.p95_ms / times) for p in curve.points))
    before, after = scaled(curve, target_ms), scaled(quicker, target_ms)
    assert before.target_ongoing_requests <= after.target_ongoing_requests * (1 + 1e-9)


@pytest.mark.parametrize(
    ("waiting", "per_s", "seconds"),
    [
        (0, 10, 1),
        (5, 10, 1),
        (20, 10, 2),
        (21, 10, 3),
        (599, 10, 60),
        (10_000, 10, 60),
        (1, 0, 60),
        (0, 0, 1),
    ],
)
def test_retry_after(waiting: float, per_s: float, seconds: int) -> None:
    assert retry_after_s(waiting, per_s) == seconds


@given(st.floats(), st.floats(allow_nan=True))
def test_retry_after_is_bounded_whatever_it_is_told(waiting: float, per_s: float) -> None:
    seconds = retry_after_s(waiting, per_s)
    assert 1 <= seconds <= 60
    if waiting > 0 and per_s > 0 and not math.isnan(waiting) and seconds < 60:
        assert seconds * per_s >= waiting * (1 - 1e-9)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_who_waits_behind_more_comes_back_later(waiting: float, more: float, per_s: float) -> None:
    assert retry_after_s(waiting, per_s) <= retry_after_s(waiting + more, per_s)
    assert retry_after_s(waiting, per_s + more) <= retry_after_s(waiting, per_s)
