"""Model: which models answer, what they write, and what becomes of it."""

from __future__ import annotations

from adcraft import metric_names as names
from dashboards.model import Dashboard, Panel, Row, Target
from dashboards.query import added, latest, quantile, rate, share

_candidates = rate(names.CANDIDATES)
_refused = rate(names.CANDIDATES, verdict="refused")

_IN_USE = Row(
    "Models in use",
    (
        Panel(
            "Generators by model",
            "How many generators have each version in memory, and as what. While a swap is under way there "
            "are two champions.",
            (
                Target(
                    latest(names.MODEL_INFO, "model_version", "role") > 0,
                    "version {{model_version}}, {{role}}",
                ),
            ),
            decimals=0,
            width=12,
            stacked=True,
        ),
        Panel(
            "Swaps",
            "Models that were to take another's place, within the five minutes before. A failed one leaves "
            "the old model answering; /models says why.",
            (Target(added(names.MODEL_SWAPS, "5m", "outcome", known=True), "{{outcome}}"),),
            width=6,
            decimals=0,
        ),
        Panel(
            "Registry",
            "1: the last look into MLflow succeeded. 0: the models stay as they are until it is back.",
            (Target(latest(names.REGISTRY_REACHABLE, of="min"), "reachable"),),
            most=1.2,
            decimals=0,
            width=6,
        ),
    ),
)

_TRIAL = Row(
    "Challenger",
    (
        Panel(
            "Requests by role",
            "Which model was to answer. The challenger's share is serve.canary_percent.",
            (Target(rate(names.CANARY_REQUESTS, "role"), "{{role}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "Challenger's share",
            "Of requests, as it came out.",
            (
                Target(
                    share(rate(names.CANARY_REQUESTS, role="challenger"), rate(names.CANARY_REQUESTS)),
                    "challenger",
                ),
            ),
            "percentunit",
            most=1,
            decimals=0,
        ),
        Panel(
            "Shadow",
            "Requests that the challenger answered too, unseen: whether it wrote the same.",
            (Target(rate(names.SHADOW_COMPARISONS, "outcome", known=True), "{{outcome}}"),),
            "ops",
            stacked=True,
        ),
        Panel(
            "Latency by model",
            "p95 from a call of the generators to their reply.",
            (Target(quantile(0.95, names.PREDICTION_SECONDS, "model_version"), "version {{model_version}}"),),
            "s",
            width=12,
        ),
        Panel(
            "Tokens written by model",
            "Per second.",
            (Target(rate(names.OUTPUT_TOKENS, "model_version"), "version {{model_version}}"),),
            "ops",
            width=12,
            stacked=True,
        ),
    ),
)

_COPY = Row(
    "What they write",
    (
        Panel(
            "Texts by verdict",
            "Different texts that models wrote, and what the guardrails said.",
            (Target(rate(names.CANDIDATES, "verdict", known=True), "{{verdict}}"),),
            "ops",
            stacked=True,
        ),
        Panel(
            "Share refused",
            "Of what models wrote. A jump after a swap is a reason to roll back.",
            (Target(share(_refused, _candidates), "refused"),),
            "percentunit",
            most=1,
            decimals=0,
        ),
        Panel(
            "Rules that were broken",
            "By refused texts, per second. A text may break several.",
            (Target(rate(names.GUARDRAIL_VERDICTS, "rule"), "{{rule}}"),),
            "ops",
            stacked=True,
        ),
        Panel(
            "Templates in place of models",
            "Texts that were given out from a template, since none of the model's was left.",
            (Target(rate(names.SAFE_TEXTS), "templates"),),
            "ops",
            width=12,
        ),
        Panel(
            "Tokens for each text",
            "Written by models for each different text, refused ones included.",
            (Target(share(rate(names.OUTPUT_TOKENS), _candidates), "tokens"),),
            width=12,
        ),
    ),
)

MODEL = Dashboard(
    "model",
    "Model",
    "Which models answer, how does the challenger do, and what becomes of what they write?",
    (_IN_USE, _TRIAL, _COPY),
)
