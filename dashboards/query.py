"""PromQL from metrics as objects, so that a name, label or value that does not exist can't be written.

Names are those of Ray's agents, which put ``ray_`` before each. A counter of Ray's is not there before it was
first added to, and each replica has its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adcraft.metric_names import OTHER, Label, Metric

STEP = "$__rate_interval"
"""Grafana's word for a window that fits the time range and the scrape interval."""


@dataclass(frozen=True)
class Query:
    """An expression, and the metrics in it.

    Attributes:
        text: PromQL.
        metrics: that it reads.
        atom: whether it needs no parentheses within another.
    """

    text: str
    metrics: frozenset[Metric]
    atom: bool = True

    def __truediv__(self, other: Query | float) -> Query:
        return self._with("/", other)

    def __mul__(self, other: Query | float) -> Query:
        return self._with("*", other)

    def __add__(self, other: Query | float) -> Query:
        return self._with("+", other)

    def __sub__(self, other: Query | float) -> Query:
        return self._with("-", other)

    def __gt__(self, other: Query | float) -> Query:
        return self._with(">", other)

    def __lt__(self, other: Query | float) -> Query:
        return self._with("<", other)

    def __or__(self, other: Query) -> Query:
        return self._with("or", other)

    def __and__(self, other: Query) -> Query:
        return self._with("and on()", other)

    def _with(self, operator: str, other: Query | float) -> Query:
        right = other if isinstance(other, Query) else Query(f"{other:g}", frozenset())
        return Query(f"{self.inner} {operator} {right.inner}", self.metrics | right.metrics, atom=False)

    @property
    def inner(self) -> str:
        """As it stands within another expression."""
        return self.text if self.atom else f"({self.text})"


def exported(metric: Metric) -> str:
    """The name under which Ray's agents show it."""
    return f"ray_{metric.name}"


def selector(metric: Metric, part: str = "", /, **where: str | tuple[str, ...]) -> str:
    """The series of a metric whose labels have one of the given values; ``!`` before a value excludes it, and
    ``5..`` stands for all of three digits that begin so.

    Raises:
        ValueError: the metric has no such label, or the label no such value.
    """
    labels = {label.name: label for label in metric.labels}
    matchers = []
    for name, wanted in where.items():
        if name not in labels:
            raise ValueError(f"{metric.name} has the labels {sorted(labels)}, and not {name}.")
        values = (wanted,) if isinstance(wanted, str) else wanted
        for value in values:
            _check_value(metric, labels[name], value.removeprefix("!"))
        if len(values) == 1:
            operator, value = ("!=", values[0][1:]) if values[0].startswith("!") else ("=", values[0])
            if value.endswith(".."):
                operator = {"=": "=~", "!=": "!~"}[operator]
        else:
            operator, value = "=~", "|".join(values)
        matchers.append(f'{name}{operator}"{value}"')
    return f"{exported(metric)}{part}" + (f"{{{', '.join(matchers)}}}" if matchers else "")


def rate(
    metric: Metric, *by: str, window: str = STEP, known: bool = False, **where: str | tuple[str, ...]
) -> Query:
    """What was added per second, over all replicas.

    Args:
        metric: a counter, or a histogram, whose observations are counted.
        by: labels that are told apart.
        window: over which.
        known: show nought for each value of the one label that was not seen yet.
        where: values of labels.
    """
    part = "_count" if metric.kind == "histogram" else ""
    _check_kind(metric, "counter", "histogram")
    found = Query(
        f"{_sum(metric, by)}(rate({selector(metric, part, **where)}[{window}]))", frozenset({metric})
    )
    return _from_nought(found, metric, by) if known or not by else found


def added(
    metric: Metric, window: str, *by: str, known: bool = False, **where: str | tuple[str, ...]
) -> Query:
    """What was added within the window, the first of it included.

    A counter of Ray's begins with the first that it counts, and ``increase`` sees only what comes after. So a
    series that was not there before the window counts with all that it has, or had when it went.
    """
    _check_kind(metric, "counter")
    name = selector(metric, **where)
    new = f"max_over_time({name}[{window}]) unless {name} offset {window}"
    text = f"{_sum(metric, by)}(({new}) or increase({name}[{window}]))"
    found = Query(text, frozenset({metric}))
    return _from_nought(found, metric, by) if known else found


def quantile(
    share: float, metric: Metric, *by: str, window: str = STEP, **where: str | tuple[str, ...]
) -> Query:
    """The value that ``share`` of a histogram's observations are below."""
    _check_kind(metric, "histogram")
    if not 0 < share < 1:
        raise ValueError(f"A quantile is of a share between 0 and 1, and {share} is not.")
    buckets = f"rate({selector(metric, '_bucket', **where)}[{window}])"
    return Query(
        f"histogram_quantile({share:g}, {_sum(metric, ('le', *by), 'le')}({buckets}))", frozenset({metric})
    )


def latest(
    metric: Metric, *by: str, of: str = "sum", known: bool = False, **where: str | tuple[str, ...]
) -> Query:
    """A gauge as it stands: its sum over all that show it, or another aggregation (``max``, ``avg``, ...)."""
    _check_kind(metric, "gauge")
    found = Query(f"{_sum(metric, by, of=of)}({selector(metric, **where)})", frozenset({metric}))
    return _from_nought(found, metric, by) if known else found


def share(part: Query, whole: Query) -> Query:
    """``part`` of ``whole``; nought where there is nothing of it."""
    return part / (whole > 0) | _NOUGHT


_NOUGHT = Query("vector(0)", frozenset())


def largest(count: int, query: Query) -> Query:
    """Of the query's series, so many as are largest at each time."""
    return Query(f"topk({count}, {query.text})", query.metrics)


def _from_nought(found: Query, metric: Metric, by: tuple[str, ...]) -> Query:
    """The query, with nought for what is not there."""
    if not by:
        return found | _NOUGHT
    [name] = by
    values = next(label.values for label in metric.labels if label.name == name)
    if not values:
        raise ValueError(f"Nobody knows beforehand which values {name} of {metric.name} has.")
    noughts = (f'label_replace(vector(0), "{name}", "{value}", "", "")' for value in values)
    return Query(" or ".join((found.inner, *noughts)), found.metrics, atom=False)


def _sum(metric: Metric, by: Iterable[str], *more: str, of: str = "sum") -> str:
    by = tuple(by)
    for name in by:
        if name not in {label.name for label in metric.labels} | set(more):
            raise ValueError(f"{metric.name} has no label {name}.")
    return f"{of} by ({', '.join(by)}) " if by else of


def _check_kind(metric: Metric, *kinds: str) -> None:
    if metric.kind not in kinds:
        raise ValueError(f"{metric.name} is a {metric.kind}; this is for a {' or a '.join(kinds)}.")


def _check_value(metric: Metric, label: Label, value: str) -> None:
    if label.values and value not in {*label.values, OTHER}:
        raise ValueError(f"{label.name} of {metric.name} is one of {label.values}, and never {value!r}.")
