"""What is counted of a request, of a reply, and of copy."""

from __future__ import annotations

from collections.abc import Iterable

from adcraft import metric_names as names
from adcraft.ad_copy.copywriting.ad import Ad
from serve_app.counting.meter import Meter
from serve_app.http.access_log import Answered
from serve_app.http.schemas import ItemAnswer, ItemError

OK = "ok"


def observe_request(meter: Meter, answered: Answered) -> None:
    """Count a request that is over, and keep its line for /logs."""
    status = "none" if answered.status is None else str(answered.status)
    meter.observe(names.HTTP_REQUESTS, route=answered.route, method=answered.method, status=status)
    meter.observe(names.HTTP_REQUEST_SECONDS, answered.seconds, route=answered.route)
    meter.note(answered.line)


def observe_results(meter: Meter, results: Iterable[ItemAnswer | ItemError]) -> None:
    """Count the items of a batch by what became of them."""
    for result in results:
        meter.observe(names.ITEMS, outcome=result.error.code if isinstance(result, ItemError) else OK)


def observe_ad(meter: Meter, ad: Ad) -> None:
    """Count what the guardrails said of a model's texts, and the templates that took their place."""
    for copy in ad.assets.values():
        for rules, count in copy.candidates.items():
            meter.observe(names.CANDIDATES, count, verdict="refused" if rules else "passed")
            for rule in rules:
                meter.observe(names.GUARDRAIL_VERDICTS, count, rule=rule)
        safe = sum(text.safe for text in copy.texts)
        if safe:
            meter.observe(names.SAFE_TEXTS, safe)
