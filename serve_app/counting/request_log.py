"""The latest lines of all ingress replicas' access logs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from serve_app.http.state_schemas import LogEntry, LogQuery, Logs

MOST_ENTRIES = 500
"""That are kept."""


class RequestLog:
    """A ring of the latest entries. Belongs to one thread."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self._lines: deque[str] = deque(maxlen=most)

    def add(self, lines: Iterable[str]) -> None:
        """Keep lines of a replica's access log; the oldest make room."""
        self._lines.extend(lines)

    def recent(self, query: LogQuery) -> Logs:
        """What fits the query, the latest first."""
        entries = (LogEntry.model_validate_json(line) for line in self._lines)
        # Replicas tell what they have once a second, so that their lines come in heaps.
        found = sorted(filter(query.fits, entries), key=lambda entry: entry.time, reverse=True)
        return Logs(entries=found[: query.limit], kept=len(self._lines))
