"""The totals as the document that /stats answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from adcraft import metric_names as names
from adcraft.metric_names import Metric
from serve_app.counting.meter import Distribution
from serve_app.counting.totals import Totals
from serve_app.http.state_schemas import (
    CacheStats,
    EngineStats,
    GuardrailStats,
    Latency,
    ModelStats,
    Refusals,
    RouteStats,
    Stats,
)


def stats(totals: Totals) -> Stats:
    """What all replicas did."""
    routes = _routes(totals)
    reachable = [value for _, _, value in totals.gauges(names.REGISTRY_REACHABLE)]
    return Stats(
        since=totals.since,
        uptime_s=round(totals.uptime_s, 1),
        requests=sum(route.requests for route in routes),
        requests_per_s=round(totals.per_s(names.HTTP_REQUESTS), 2),
        by_status=_by(totals, names.HTTP_REQUESTS, 2),
        routes=routes,
        items=_by(totals, names.ITEMS),
        models=_models(totals),
        engine=_engine(totals),
        cache=_cache(totals),
        guardrails=_guardrails(totals),
        refusals=_refusals(totals),
        swaps=_by(totals, names.MODEL_SWAPS),
        canary=_by(totals, names.CANARY_REQUESTS),
        shadow=_by(totals, names.SHADOW_COMPARISONS),
        registry_reachable=all(reachable) if reachable else None,
        replicas={values[0]: round(count) for _, values, count in totals.gauges(names.REPLICAS)},
    )


def latency(seen: Distribution | None) -> Latency:
    """Mean and percentiles of a histogram over ``SECONDS``."""
    count = sum(seen.counts) if seen else 0
    if seen is None or not count:
        return Latency(count=0, mean_ms=None, p50_ms=None, p95_ms=None, p99_ms=None)
    p50, p95, p99 = (quantile(names.SECONDS, seen.counts, share) for share in (0.5, 0.95, 0.99))
    return Latency(
        count=count,
        mean_ms=_ms(seen.sum / count),
        p50_ms=_ms(p50),
        p95_ms=_ms(p95),
        p99_ms=_ms(p99),
    )


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float:
    """The value that ``share`` of the observations are not above, as Prometheus's histogram_quantile has it.

    Within a bucket observations are taken to lie evenly; those above the last bound, at it.

    Args:
        bounds: ``(k,)``, upper ones, rising.
        counts: ``(k + 1,)``, of each bucket by itself; not all 0.
        share: above 0, up to 1.
    """
    rank = share * sum(counts)
    below = 0
    for lower, upper, count in zip((0.0, *bounds), bounds, counts, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below += count
    return bounds[-1]


def _routes(totals: Totals) -> list[RouteStats]:
    counts = totals.counts(names.HTTP_REQUESTS)
    took = totals.distributions(names.HTTP_REQUEST_SECONDS)
    found = []
    for route in sorted({values[0] for values in counts}):
        by_status = _sums((values[2], count) for values, count in counts.items() if values[0] == route)
        found.append(
            RouteStats(
                route=route,
                requests=sum(by_status.values()),
                by_status=by_status,
                latency=latency(took.get((route,))),
            )
        )
    return found


def _models(totals: Totals) -> list[ModelStats]:
    took = totals.distributions(names.PREDICTION_SECONDS)
    read, written = totals.counts(names.INPUT_TOKENS), totals.counts(names.OUTPUT_TOKENS)
    roles: dict[str, set[str]] = {}
    for _, (version, role), value in totals.gauges(names.MODEL_INFO):
        if value:
            roles.setdefault(version, set()).add(role)
    versions = {values[0] for values in itertools.chain(took, read, written)} | roles.keys()
    return [
        ModelStats(
            model_version=version,
            roles=sorted(roles.get(version, ())),
            input_tokens=round(read.get((version,), 0)),
            output_tokens=round(written.get((version,), 0)),
            latency=latency(took.get((version,))),
        )
        for version in sorted(versions, key=lambda version: (len(version), version))
    ]


def _engine(totals: Totals) -> EngineStats:
    prompts = totals.distributions(names.BATCH_PROMPTS).get(())
    tokens = totals.distributions(names.BATCH_TOKENS).get(())
    busy_s = totals.counts(names.ENGINE_BUSY_SECONDS).get((), 0.0)
    written = sum(totals.counts(names.OUTPUT_TOKENS).values())
    # Those that show their queue are generators.
    engines = {replica for replica, _, _ in totals.gauges(names.QUEUE_PROMPTS)}
    return EngineStats(
        batches=sum(prompts.counts) if prompts else 0,
        mean_batch_prompts=_mean(prompts),
        mean_batch_tokens=_mean(tokens),
        wait=latency(totals.distributions(names.BATCH_WAIT_SECONDS).get(())),
        queue_prompts=round(sum(value for _, _, value in totals.gauges(names.QUEUE_PROMPTS))),
        busy_s=round(busy_s, 3),
        busy_share=round(min(1.0, totals.per_s(names.ENGINE_BUSY_SECONDS) / len(engines)), 3)
        if engines
        else None,
        output_tokens_per_s=round(totals.per_s(names.OUTPUT_TOKENS), 1),
        output_tokens_per_busy_s=round(written / busy_s, 1) if busy_s else None,
    )


def _cache(totals: Totals) -> CacheStats:
    looked = _by(totals, names.CACHE_LOOKUPS)
    hits, misses = looked.get("hit", 0), looked.get("miss", 0)
    share = round(hits / (hits + misses), 4) if hits + misses else None
    return CacheStats(hits=hits, misses=misses, hit_share=share)


def _guardrails(totals: Totals) -> GuardrailStats:
    verdicts = _by(totals, names.CANDIDATES)
    return GuardrailStats(
        passed=verdicts.get("passed", 0),
        refused=verdicts.get("refused", 0),
        by_rule=_by(totals, names.GUARDRAIL_VERDICTS),
        safe_texts=round(sum(totals.counts(names.SAFE_TEXTS).values())),
    )


def _refusals(totals: Totals) -> Refusals:
    def of(priority: str) -> dict[str, int]:
        counts = totals.counts(names.REFUSED_REQUESTS).items()
        return _sums((reason, count) for (reason, by), count in counts if by == priority)

    return Refusals(interactive=of("interactive"), batch=of("batch"))


def _by(totals: Totals, metric: Metric, label: int = 0) -> dict[str, int]:
    """A counter, added up over all of its labels but one."""
    return _sums((values[label], count) for values, count in totals.counts(metric).items())


def _sums(counts: Iterable[tuple[str, float]]) -> dict[str, int]:
    sums: dict[str, float] = {}
    for name, count in counts:
        sums[name] = sums.get(name, 0.0) + count
    return {name: round(count) for name, count in sorted(sums.items())}


def _mean(seen: Distribution | None) -> float | None:
    return round(seen.sum / sum(seen.counts), 2) if seen else None


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
