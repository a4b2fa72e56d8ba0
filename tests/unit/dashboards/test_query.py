"""PromQL from metrics: what is written, and what can't be."""

from __future__ import annotations

import pytest

from adcraft import metric_names as names
from dashboards.query import added, latest, quantile, rate, share

LATENCY, REQUESTS, SWAPS = names.HTTP_REQUEST_SECONDS, names.HTTP_REQUESTS, names.MODEL_SWAPS


def test_what_is_written() -> None:
    assert rate(REQUESTS, "route").text == (
        "sum by (route) (rate(ray_adcraft_http_requests_total[$__rate_interval]))"
    )
    assert rate(LATENCY, "route", window="5m").text == (
        "sum by (route) (rate(ray_adcraft_http_request_seconds_count[5m]))"
    )
    assert quantile(0.95, LATENCY, window="5m", route=("/predict", "/batch_predict")).text == (
        "histogram_quantile(0.95, sum by (le) "
        '(rate(ray_adcraft_http_request_seconds_bucket{route=~"/predict|/batch_predict"}[5m])))'
    )
    assert latest(names.MODEL_INFO, role="!champion").text == 'sum(ray_adcraft_model_info{role!="champion"})'
    assert rate(REQUESTS, window="1m", status="5..").text == (
        'sum(rate(ray_adcraft_http_requests_total{status=~"5.."}[1m])) or vector(0)'
    )


def test_a_series_that_was_born_within_the_window_counts_with_all_that_it_has() -> None:
    assert added(SWAPS, "10m", outcome="failed").text == (
        'sum((max_over_time(ray_adcraft_model_swaps_total{outcome="failed"}[10m]) unless '
        'ray_adcraft_model_swaps_total{outcome="failed"} offset 10m) or '
        'increase(ray_adcraft_model_swaps_total{outcome="failed"}[10m]))'
    )


def test_values_that_are_known_are_shown_at_nought() -> None:
    text = added(names.PREPARE_ROWS, "1h", "outcome", known=True).text
    assert text.count("label_replace(vector(0)") == 3
    with pytest.raises(ValueError, match="Nobody knows beforehand which values route"):
        rate(REQUESTS, "route", known=True)


def test_operators_keep_their_order() -> None:
    query = share(rate(SWAPS, window="1m", outcome="ok"), rate(SWAPS, window="1m"))
    assert query.text == (
        '((sum(rate(ray_adcraft_model_swaps_total{outcome="ok"}[1m])) or vector(0)) / '
        "((sum(rate(ray_adcraft_model_swaps_total[1m])) or vector(0)) > 0)) or vector(0)"
    )
    assert query.metrics == {SWAPS}
    gauge = latest(names.TRAINING_EPOCH)
    assert ((gauge + 1) * 2 - gauge).text == (
        "((sum(ray_adcraft_training_epochs) + 1) * 2) - sum(ray_adcraft_training_epochs)"
    )


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda: rate(REQUESTS, "path"), "has no label path"),
        (lambda: rate(REQUESTS, path="/"), r"has the labels .*, and not path"),
        (lambda: rate(SWAPS, outcome="fail"), "is one of .*, and never 'fail'"),
        (lambda: rate(SWAPS, outcome="!fail"), "is one of .*, and never 'fail'"),
        (lambda: rate(names.TRAINING_LOSS), "is a gauge; this is for a counter or a histogram"),
        (lambda: latest(SWAPS), "is a counter; this is for a gauge"),
        (lambda: added(LATENCY, "5m"), "is a histogram; this is for a counter"),
        (lambda: quantile(0.5, REQUESTS), "is a counter; this is for a histogram"),
        (lambda: quantile(95, LATENCY), "a share between 0 and 1, and 95 is not"),
    ],
)
def test_what_can_not_be_written(write, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write()
