"""How far long work is, on the log."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

_EVERY_S = 5.0


class Progress:
    """Logs rows so far and rows per second, every few seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._told = time.monotonic()
        self._rows = 0

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self._rows += rows
        now = time.monotonic()
        if now - self._told >= _EVERY_S:
            self._told = now
            self._tell(now, "so far")

    def done(self) -> None:
        """Log the total."""
        self._tell(time.monotonic(), "in all")

    def _tell(self, now: float, when: str) -> None:
        rate = self._rows / max(now - self._started, 1e-9)
        log.info("%s: %s rows %s, %s rows/s", self._what, f"{self._rows:,}", when, f"{rate:,.0f}")
