"""What a replica counts, and what is added up of it, whatever is lost or sent twice on the way."""

from __future__ import annotations

import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.metric_names import (
    CACHE_LOOKUPS,
    ENGINE_BUSY_SECONDS,
    HTTP_REQUEST_SECONDS,
    HTTP_REQUESTS,
    ITEMS,
    MODEL_INFO,
    OTHER,
    PREDICTION_SECONDS,
    QUEUE_PROMPTS,
    SECONDS,
    Metric,
)
from serve_app.counting.meter import MOST_LINES, MOST_SERIES, Meter
from serve_app.counting.totals import Totals


class Told:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[tuple[str, tuple[str, ...], float]] = []

    def record(self, metric: Metric, values: tuple[str, ...], value: float) -> None:
        self.records.append((metric.name, values, value))


def test_one_call_counts_here_and_for_the_sink() -> None:
    told = Told()
    meter = Meter(told)
    meter.observe(CACHE_LOOKUPS, outcome="hit")
    meter.observe(CACHE_LOOKUPS, 2, outcome="hit")
    meter.observe(HTTP_REQUEST_SECONDS, 0.0005, route="/predict")
    meter.observe(HTTP_REQUEST_SECONDS, 99, route="/predict")
    meter.observe(QUEUE_PROMPTS, 5)
    meter.observe(QUEUE_PROMPTS, 4)
    delta = meter.take()
    assert delta.counters == {(CACHE_LOOKUPS.name, ("hit",)): 3}
    assert delta.gauges == {(QUEUE_PROMPTS.name, ()): 4}
    seen = delta.histograms[HTTP_REQUEST_SECONDS.name, ("/predict",)]
    assert seen.counts == (1, *[0] * (len(SECONDS) - 1), 1), "a bound belongs to its bucket"
    assert seen.sum == 99.0005
    assert told.records == [
        (HTTP_REQUEST_SECONDS.name, ("/predict",), 0.0005),
        (HTTP_REQUEST_SECONDS.name, ("/predict",), 99),
        (CACHE_LOOKUPS.name, ("hit",), 3),
        (QUEUE_PROMPTS.name, (), 4),
    ]


def test_the_sink_is_told_once_even_while_deltas_do_not_arrive() -> None:
    told = Told()
    meter = Meter(told)
    for _ in range(3):
        meter.observe(CACHE_LOOKUPS, outcome="hit")
        meter.restore(meter.take())
    assert told.records == [(CACHE_LOOKUPS.name, ("hit",), 1)] * 3


def test_a_delta_begins_anew_and_gauges_stay() -> None:
    meter = Meter()
    meter.observe(CACHE_LOOKUPS, outcome="hit")
    meter.observe(QUEUE_PROMPTS, 5)
    meter.note("a line")
    first, second = meter.take(), meter.take()
    assert (first.number, second.number) == (1, 2)
    assert first.lines == ("a line",)
    assert not second.counters
    assert not second.lines
    assert second.gauges == first.gauges == {(QUEUE_PROMPTS.name, ()): 5}
    assert pickle.loads(pickle.dumps(first)) == first


def test_a_restored_delta_comes_again_as_it_was_but_for_gauges() -> None:
    meter = Meter()
    meter.observe(CACHE_LOOKUPS, outcome="hit")
    lost = meter.take()
    meter.observe(CACHE_LOOKUPS, 7, outcome="hit")
    meter.observe(QUEUE_PROMPTS, 1)
    meter.restore(lost)
    again, then = meter.take(), meter.take()
    assert (again.number, again.counters) == (lost.number, lost.counters)
    assert again.gauges == {(QUEUE_PROMPTS.name, ()): 1}
    assert (then.number, then.counters) == (2, {(CACHE_LOOKUPS.name, ("hit",)): 7})
    with pytest.raises(ValueError, match=r"Delta 1 of meter .* is not the one that was taken last"):
        meter.restore(lost)
    with pytest.raises(ValueError, match="is not the one"):
        meter.restore(Meter().take())


def test_a_gauge_is_cleared_before_another_model_takes_its_place() -> None:
    told = Told()
    meter = Meter(told)
    meter.observe(MODEL_INFO, 1, model_version="3", role="champion")
    meter.observe(QUEUE_PROMPTS, 2)
    meter.take()
    meter.clear(MODEL_INFO)
    meter.observe(MODEL_INFO, 1, model_version="4", role="champion")
    assert meter.take().gauges == {(MODEL_INFO.name, ("4", "champion")): 1, (QUEUE_PROMPTS.name, ()): 2}
    of_model = [record[1:] for record in told.records if record[0] == MODEL_INFO.name]
    assert of_model == [(("3", "champion"), 1), (("3", "champion"), 0), (("4", "champion"), 1)]


@pytest.mark.parametrize(
    ("metric", "value", "labels", "sentence"),
    [
        (CACHE_LOOKUPS, 1, {}, r"has the labels \['outcome'\], and was given \[\]"),
        (CACHE_LOOKUPS, 1, {"outcome": "hit", "product": "Tea"}, r"was given \['outcome', 'product'\]"),
        (QUEUE_PROMPTS, 1, {"product": "Tea"}, r"has the labels \[\], and was given \['product'\]"),
        (ENGINE_BUSY_SECONDS, -1, {}, "is a counter and can't take -1"),
        (ENGINE_BUSY_SECONDS, float("inf"), {}, "is a counter and can't take inf"),
        (HTTP_REQUEST_SECONDS, float("nan"), {"route": "/predict"}, "is a histogram and can't take nan"),
    ],
)
def test_what_can_not_be_observed(
    metric: Metric, value: float, labels: dict[str, str], sentence: str
) -> None:
    meter = Meter()
    meter.observe(CACHE_LOOKUPS, outcome="hit")
    with pytest.raises(ValueError, match=sentence):
        meter.observe(metric, value, **labels)
    assert meter.take().counters == {(CACHE_LOOKUPS.name, ("hit",)): 1}
    assert not meter.take().histograms


def test_a_label_is_text() -> None:
    with pytest.raises(TypeError, match="the label outcome must be text, and is 200"):
        Meter().observe(ITEMS, outcome=200)  # type: ignore[arg-type]


def test_values_beyond_those_that_a_label_may_have_are_other() -> None:
    meter = Meter()
    for method in ("GET", "BREW", "brew\n", "get"):
        meter.observe(HTTP_REQUESTS, route="/predict", method=method, status="200")
    assert meter.take().counters == {
        (HTTP_REQUESTS.name, ("/predict", "GET", "200")): 1,
        (HTTP_REQUESTS.name, ("/predict", OTHER, "200")): 3,
    }


def test_series_are_bounded_whatever_comes() -> None:
    told = Told()
    meter, totals = Meter(told), Totals()
    for start in range(0, 10_000, 1000):
        for number in range(start, start + 1000):
            meter.observe(PREDICTION_SECONDS, 0.1, model_version=f"product {number}")
            meter.observe(HTTP_REQUESTS, route=f"/{number}", method="GET", status="404")
        totals.add("ingress", "one", meter.take())
    assert len({record[:2] for record in told.records}) == 2 * (MOST_SERIES + 1)
    assert len(totals.counts(HTTP_REQUESTS)) == MOST_SERIES
    assert len(totals.distributions(PREDICTION_SECONDS)) == MOST_SERIES
    assert totals.counts(HTTP_REQUESTS)[OTHER, "GET", OTHER] == 10_000 - MOST_SERIES


def test_the_latest_lines_are_kept() -> None:
    meter = Meter()
    for number in range(MOST_LINES + 10):
        meter.note(str(number))
    assert list(meter.take().lines) == [str(number) for number in range(10, MOST_LINES + 10)]


def test_threads_lose_nothing() -> None:
    meter, totals = Meter(), Totals()

    def work() -> None:
        for _ in range(5000):
            meter.observe(CACHE_LOOKUPS, outcome="miss")
            meter.observe(HTTP_REQUEST_SECONDS, 0.1, route="/predict")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        totals.add("ingress", "one", meter.take())
    totals.add("ingress", "one", meter.take())
    assert totals.counts(CACHE_LOOKUPS)["miss",] == 20_000
    assert sum(totals.distributions(HTTP_REQUEST_SECONDS)["/predict",].counts) == 20_000


FATES = st.sampled_from(["arrives", "is lost", "arrives, and nobody hears so", "arrives twice"])
STEPS = st.lists(st.tuples(st.integers(0, 2), st.lists(st.floats(0, 100), max_size=3), FATES), max_size=40)


@given(STEPS)
def test_deltas_add_up_whatever_becomes_of_them(steps: list[tuple[int, list[float], str]]) -> None:
    meters, totals = [Meter() for _ in range(3)], Totals()
    expected = 0
    for number, values, fate in steps:
        meter = meters[number]
        for value in values:
            meter.observe(HTTP_REQUEST_SECONDS, value, route="/predict")
            meter.observe(ITEMS, outcome="ok")
            expected += 1
        delta = meter.take()
        if fate != "is lost":
            totals.add("ingress", str(number), delta)
        if fate == "arrives twice":
            assert not totals.add("ingress", str(number), delta)
        if fate in {"is lost", "arrives, and nobody hears so"}:
            meter.restore(delta)
    for number, meter in enumerate(meters):
        for _ in range(2):  # the one that was restored, and what came after it
            totals.add("ingress", str(number), meter.take())
    assert totals.counts(ITEMS).get(("ok",), 0) == expected
    seen = totals.distributions(HTTP_REQUEST_SECONDS).get(("/predict",))
    assert sum(seen.counts if seen else ()) == expected
    assert (seen.sum if seen else 0) == pytest.approx(sum(sum(values) for _, values, _ in steps))
