"""What the HTTP API of Prometheus answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adcraft.errors import MonitoringError
from dashboards.query import STEP

_TIMEOUT_S = 10


@dataclass(frozen=True)
class Series:
    """Values over time, or the latest alone.

    Attributes:
        labels: that tell it from others.
        times: in seconds since 1970.
        values: NaN where there is none.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


class Prometheus:
    """One server."""

    def __init__(self, url: str) -> None:
        """Nothing is asked yet.

        Args:
            url: such as ``http://127.0.0.1:9090``.
        """
        self.url = url.rstrip("/")
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def range(self, expression: str, start: float, end: float, step_s: float, window: str) -> list[Series]:
        """Values from ``start`` to ``end``.

        Args:
            expression: PromQL, in which ``STEP`` stands for a window.
            start: in seconds since 1970.
            end: likewise.
            step_s: between two values.
            window: in place of ``STEP``.

        Raises:
            MonitoringError: it can't be reached, or does not understand.
        """
        found = self._get(
            "query_range",
            {"query": expression.replace(STEP, window), "start": start, "end": end, "step": step_s},
        )
        return [
            Series(each["metric"], *_columns(each["values"])) for each in found["result"] if each["values"]
        ]

    def latest(self, expression: str, window: str = "1m") -> list[Series]:
        """Values as they are now; see :meth:`range`."""
        found = self._get("query", {"query": expression.replace(STEP, window)})
        return [Series(each["metric"], *_columns([each["value"]])) for each in found["result"]]

    def names(self) -> set[str]:
        """Of all series that it has."""
        return set(self._get("label/__name__/values", {}))

    def targets(self) -> dict[str, str]:
        """What it reads, and how each was at the last look: ``up``, ``down`` or ``unknown``."""
        return {each["scrapeUrl"]: each["health"] for each in self._get("targets", {})["activeTargets"]}

    def alerts(self) -> dict[str, str]:
        """Each alert that is loaded, and its state: ``firing``, ``pending`` or ``inactive``."""
        groups = self._get("rules", {"type": "alert"})["groups"]
        return {rule["name"]: rule["state"] for group in groups for rule in group["rules"]}

    def _get(self, path: str, parameters: Mapping[str, Any]) -> Any:
        query = urllib.parse.urlencode(parameters)
        try:
            with self._direct.open(f"{self.url}/api/v1/{path}?{query}", timeout=_TIMEOUT_S) as answer:
                tree = json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            raise MonitoringError(f"{self.url} answered {error.code}: {said}") from error
        except (OSError, ValueError) as error:
            raise MonitoringError(
                f"{self.url} does not answer as Prometheus does: {error}. Is it running there?"
            ) from error
        return tree["data"]


def _columns(pairs: list[tuple[float, str]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(float(time) for time, _ in pairs), tuple(float(value) for _, value in pairs)
