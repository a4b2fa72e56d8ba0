"""Service: are callers answered, soon enough, and is there room for more?"""

from __future__ import annotations

from adcraft import metric_names as names
from dashboards import rays_own
from dashboards.model import Dashboard, Panel, Row, Target
from dashboards.objectives import BUSY, ERROR, LATENCY_S, PREDICT, WITHOUT_ERROR
from dashboards.query import latest, quantile, rate, share

_requests = rate(names.HTTP_REQUESTS, route=PREDICT)
_errors = rate(names.HTTP_REQUESTS, route=PREDICT, status=ERROR)
_busy = rate(names.ENGINE_BUSY_SECONDS)
_engines = latest(rays_own.REPLICA_HEALTHY, deployment="generator")

_AT_A_GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Requests now",
            "Requests for copy that were answered per second.",
            (Target(_requests, "requests/s"),),
            "reqps",
            "number",
            width=4,
            height=4,
        ),
        Panel(
            "Errors now",
            "Share of them that the service failed: a status of 500 or above.",
            (Target(share(_errors, _requests), "errors"),),
            "percentunit",
            "number",
            width=4,
            height=4,
            limit=1 - WITHOUT_ERROR,
            decimals=2,
        ),
        Panel(
            "p95 now",
            "Within which 95 of 100 requests for copy are answered.",
            (Target(quantile(0.95, names.HTTP_REQUEST_SECONDS, route=PREDICT), "p95"),),
            "s",
            "number",
            width=4,
            height=4,
            limit=LATENCY_S,
        ),
        Panel(
            "Engines busy",
            "Share of the time that engines of all generators spend in a call. At 100% requests wait.",
            (Target(share(_busy, _engines), "busy"),),
            "percentunit",
            "number",
            width=4,
            height=4,
            limit=BUSY,
            decimals=0,
        ),
        Panel(
            "Prompts waiting",
            "That no engine has begun yet.",
            (Target(latest(names.QUEUE_PROMPTS), "prompts"),),
            "short",
            "number",
            width=4,
            height=4,
        ),
        Panel(
            "Generators",
            "Replicas that have a model in memory and are healthy.",
            (Target(_engines, "generators"),),
            "short",
            "number",
            width=4,
            height=4,
        ),
    ),
)

_CALLERS = Row(
    "What callers see",
    (
        Panel(
            "Requests by route",
            "What was answered per second, by the route's template.",
            (Target(rate(names.HTTP_REQUESTS, "route"), "{{route}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "Answers by status",
            "200: copy. 429: told to come back. 4xx: the caller's fault. 5xx: ours. none: the client had "
            "left.",
            (Target(rate(names.HTTP_REQUESTS, "status"), "{{status}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "Share of errors",
            "Requests for copy that failed, beside what the objective allows.",
            (Target(share(_errors, _requests), "errors"),),
            "percentunit",
            limit=1 - WITHOUT_ERROR,
            decimals=1,
        ),
        Panel(
            "Latency of copy",
            "From a request's first byte to its answer's last. The line is the objective for p95.",
            tuple(
                Target(quantile(part, names.HTTP_REQUEST_SECONDS, route=PREDICT), f"p{part * 100:g}")
                for part in (0.5, 0.95, 0.99)
            ),
            "s",
            limit=LATENCY_S,
        ),
        Panel(
            "Items by outcome",
            "Products that were asked about, alone or in a batch: ok, or the code of their error.",
            (Target(rate(names.ITEMS, "outcome"), "{{outcome}}"),),
            "ops",
            stacked=True,
        ),
        Panel(
            "Told to come back",
            "Refused since too much was going on. A little in a burst is meant; all the time, there are too "
            "few generators.",
            (Target(rate(names.REFUSED_REQUESTS, "reason", known=True), "{{reason}}"),),
            "reqps",
            stacked=True,
        ),
    ),
)

_ENGINES = Row(
    "Queue and engines",
    (
        Panel(
            "Prompts that wait",
            "In front of the engines of all generators. It should fall back to nought between bursts.",
            (Target(latest(names.QUEUE_PROMPTS), "waiting"),),
        ),
        Panel(
            "Wait for an engine",
            "How long a call's first prompt waited.",
            tuple(
                Target(quantile(part, names.BATCH_WAIT_SECONDS), f"p{part * 100:g}") for part in (0.5, 0.95)
            ),
            "s",
        ),
        Panel(
            "Prompts in a batch",
            "In one engine call. More under load is how the engine keeps up.",
            tuple(Target(quantile(part, names.BATCH_PROMPTS), f"p{part * 100:g}") for part in (0.5, 0.95)),
            decimals=0,
        ),
        Panel(
            "Tokens read in a batch",
            "In one engine call, padding not counted.",
            tuple(Target(quantile(part, names.BATCH_TOKENS), f"p{part * 100:g}") for part in (0.5, 0.95)),
            decimals=0,
        ),
        Panel(
            "Tokens per second",
            "Read and written by all models.",
            (
                Target(rate(names.INPUT_TOKENS), "read"),
                Target(rate(names.OUTPUT_TOKENS), "written"),
            ),
            "ops",
        ),
        Panel(
            "Engines busy over time",
            "Share of their time that engines spend in calls. Above the line, latency grows fast.",
            (Target(share(_busy, _engines), "busy"),),
            "percentunit",
            most=1,
            limit=BUSY,
            decimals=0,
        ),
    ),
)

_ROOM = Row(
    "Room and cache",
    (
        Panel(
            "Replicas",
            "That are healthy, by deployment. Generators come and go with the load.",
            (Target(latest(rays_own.REPLICA_HEALTHY, "deployment"), "{{deployment}}"),),
            decimals=0,
        ),
        Panel(
            "Answers from memory",
            "Share of looks into the cache that found the answer.",
            (
                Target(
                    share(rate(names.CACHE_LOOKUPS, outcome="hit"), rate(names.CACHE_LOOKUPS)),
                    "hits",
                ),
            ),
            "percentunit",
            most=1,
            decimals=0,
        ),
        Panel(
            "Time in generators",
            "From a call of the generators to their reply. What a request takes beyond it is HTTP and "
            "checks.",
            tuple(
                Target(quantile(part, names.PREDICTION_SECONDS), f"p{part * 100:g}") for part in (0.5, 0.95)
            ),
            "s",
        ),
    ),
)

SERVICE = Dashboard(
    "service",
    "Service",
    "Are callers answered, soon enough, and is there room for more?",
    (_AT_A_GLANCE, _CALLERS, _ENGINES, _ROOM),
)
