"""A line every few seconds, so that nobody wonders whether the job is still alive."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

LINE_INTERVAL_S = 5.0


@contextlib.contextmanager
def told(what: str, so_far: Callable[[], str] = str) -> Iterator[None]:
    """Say ``what`` is done now, and again every few seconds until it is, with what there is so far."""
    log.info("%s", what)
    begun, over = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not over.wait(LINE_INTERVAL_S):
            log.info("%s (%.0f s) %s", what, time.monotonic() - begun, so_far())

    thread = threading.Thread(target=repeat, name="adcraft-told", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
