"""Recording rules, and the alerts that wake somebody. What to do about each is in docs/observability.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from adcraft import metric_names as names
from dashboards import rays_own
from dashboards.objectives import BUSY, ERROR, LATENCY_S, PREDICT, REFUSED, WITHOUT_ERROR
from dashboards.query import Query, added, latest, quantile, rate, share

Severity = Literal["page", "ticket"]

BUDGET = 1 - WITHOUT_ERROR
FEWEST_ERRORS = 9
"""So many in the longer window are no reason to call anybody, whatever share they are."""
DOCUMENT = "docs/observability.md"
SCRAPED = 'up{job=~"ray|.*/ray-(heads|workers)"}'
"""Of the file of Ray's service discovery, or of the PodMonitors of cluster/kuberay."""


@dataclass(frozen=True)
class Recording:
    """A query whose result is kept under a name, as cheap to read as any metric."""

    name: str
    query: Query

    @property
    def recorded(self) -> Query:
        """What reads it."""
        return Query(self.name, self.query.metrics)


@dataclass(frozen=True)
class Alert:
    """What somebody has to look at.

    Attributes:
        name: in CamelCase, as Prometheus's own are.
        query: true as long as it has a series.
        lasts: how long it must be true.
        severity: whether it wakes somebody, or can wait until the morning.
        says: one sentence, with ``{{ }}`` of Prometheus's templates.
    """

    name: str
    query: Query
    lasts: str
    severity: Severity
    says: str


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other, so that the later ones read the earlier."""

    name: str
    rules: tuple[Recording | Alert, ...]


def _windows(*windows: str) -> dict[str, tuple[Recording, Recording, Recording]]:
    """For each window: requests for copy, errors among them, and their share."""
    recordings = {}
    for window in windows:
        requests = Recording(
            f"adcraft:copy_requests:added{window}", added(names.HTTP_REQUESTS, window, route=PREDICT)
        )
        errors = Recording(
            f"adcraft:copy_errors:added{window}",
            added(names.HTTP_REQUESTS, window, route=PREDICT, status=ERROR),
        )
        part = Recording(f"adcraft:copy_errors:share{window}", share(errors.recorded, requests.recorded))
        recordings[window] = (requests, errors, part)
    return recordings


_COPY = _windows("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def _burn(name: str, factor: float, long: str, short: str, severity: Severity) -> Alert:
    """The error budget goes ``factor`` times as fast as it may: over a long window, so that it matters, and a
    short one, so that the alert ends soon after the errors (Google's SRE workbook, chapter 5).
    """
    _, errors, over_long = _COPY[long]
    over_short = _COPY[short][2]
    return Alert(
        name,
        (over_long.recorded > factor * BUDGET)
        & (over_short.recorded > factor * BUDGET)
        & (errors.recorded > FEWEST_ERRORS),
        "0s",
        severity,
        f"Over {long} and {short}, requests for copy fail {factor:g} times as often as the {BUDGET:.1%} "
        f"that the objective allows: at this rate the month's budget lasts {30 / factor:.2g} days.",
    )


LATENCY = Recording(
    "adcraft:copy_latency_seconds:p95_5m",
    quantile(0.95, names.HTTP_REQUEST_SECONDS, window="5m", route=PREDICT),
)
ENGINES_BUSY = Recording(
    "adcraft:engines_busy:share5m",
    share(
        rate(names.ENGINE_BUSY_SECONDS, window="5m"),
        latest(rays_own.REPLICA_HEALTHY, deployment="generator"),
    ),
)
TURNED_AWAY = Recording(
    "adcraft:copy_refused:share5m",
    share(added(names.REFUSED_REQUESTS, "5m"), _COPY["5m"][0].recorded),
)
SWAPS_FAILED = Recording("adcraft:swaps_failed:added10m", added(names.MODEL_SWAPS, "10m", outcome="failed"))

_NOUGHT = Query("vector(0)", frozenset())
_LONG = 100

ALERTS = (
    _burn("AdcraftErrorBudgetGoesFast", 14.4, "1h", "5m", "page"),
    _burn("AdcraftErrorBudgetGoes", 6, "6h", "30m", "page"),
    _burn("AdcraftErrorBudgetGoesSlowly", 3, "1d", "2h", "ticket"),
    _burn("AdcraftErrorBudgetLeaks", 1, "3d", "6h", "ticket"),
    Alert(
        "AdcraftSlow",
        LATENCY.recorded > LATENCY_S,
        "5m",
        "page",
        f"Of 100 requests for copy, 5 take longer than {{{{ $value | humanizeDuration }}}}; {LATENCY_S:g} s "
        "are promised.",
    ),
    Alert(
        "AdcraftSaturated",
        (ENGINES_BUSY.recorded > BUSY) | (TURNED_AWAY.recorded > REFUSED),
        "10m",
        "ticket",
        f"Engines work more than {BUSY:.0%} of the time, or more than {REFUSED:.0%} of requests are told to "
        "come back: there is no room for more.",
    ),
    Alert(
        "AdcraftSwapFailed",
        SWAPS_FAILED.recorded > 0,
        "0s",
        "ticket",
        "A model that was to take the champion's or challenger's place could not. The old one goes on.",
    ),
    Alert(
        "AdcraftNoChampion",
        ((latest(names.MODEL_INFO, role=("champion", "pinned")) | _NOUGHT) < 1)
        & (latest(names.REGISTRY_REACHABLE, of="count") > 0),
        "2m",
        "page",
        "The application runs, and no generator has a model to answer with.",
    ),
    Alert(
        "AdcraftNotScraped",
        Query(f"{SCRAPED} == 0 or absent({SCRAPED})", frozenset(), atom=False),
        "1m",
        "page",
        "Prometheus gets nothing from {{ or $labels.instance `any node of Ray` }}: no other alert can be "
        "relied on.",
    ),
)

GROUPS = (
    Group("adcraft-copy", tuple(each for window in _COPY.values() for each in window)),
    Group("adcraft-rest", (LATENCY, ENGINES_BUSY, TURNED_AWAY, SWAPS_FAILED)),
    Group("adcraft-alerts", ALERTS),
)


def rules_tree() -> dict[str, Any]:
    """The file for ``rule_files`` of Prometheus; also what a PrometheusRule has as its ``spec``."""
    return {"groups": [{"name": group.name, "rules": list(map(_rule, group.rules))} for group in GROUPS]}


def _rule(rule: Recording | Alert) -> dict[str, Any]:
    if isinstance(rule, Recording):
        return {"record": rule.name, "expr": _in_lines(rule.query.text)}
    return {
        "alert": rule.name,
        "expr": _in_lines(rule.query.text),
        "for": rule.lasts,
        "labels": {"severity": rule.severity},
        "annotations": {"summary": rule.says, "runbook": f"{DOCUMENT}#{rule.name.lower()}"},
    }


def _in_lines(expression: str) -> str:
    """A long expression broken where an operator between whole series begins."""
    if len(expression) <= _LONG:
        return expression
    return re.sub(r" (unless|or|and on\(\)) ", r"\n\1 ", expression)
