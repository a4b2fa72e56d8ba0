"""MLflow that is away for a while: what can be done again is done again when it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from adcraft.errors import TrackingError

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 120.0
_INTERVAL_S = 10.0


def patiently(do: Callable[[], T]) -> T:
    """What ``do`` returns, which is called again where MLflow does not answer, for ``PATIENCE_S`` seconds of
    each time that it is away.

    Raises:
        TrackingError: it was away for longer.
    """
    deadline = 0.0
    while True:
        begun = time.monotonic()
        try:
            return do()
        except TrackingError as error:
            failed = time.monotonic()
            if not deadline or failed - begun > PATIENCE_S:  # it had answered in between
                deadline = failed + PATIENCE_S
            if failed > deadline:
                raise
            log.warning("%s It is asked again.", error)
            time.sleep(_INTERVAL_S)
