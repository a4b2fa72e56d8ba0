"""What every command shows to the shell: an exit code, one line of JSON, and logs.

Standard output carries a command's own report and the JSON line; logs and messages for people go
to standard error. ``ray_jobs`` and ``serve_app`` share it, so scripts meet one set of exit codes.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from adcraft.errors import (
    AdcraftError,
    BaseModelError,
    BundleError,
    ClusterError,
    DatasetError,
    FeedError,
    MonitoringError,
    SettingsError,
    StorageError,
    TrackingError,
    TrainingError,
)

EXIT_CODES: dict[type[AdcraftError], int] = {
    SettingsError: 2,
    FeedError: 3,
    DatasetError: 4,
    BaseModelError: 5,
    TrainingError: 6,
    TrackingError: 7,
    BundleError: 8,
    StorageError: 9,
    ClusterError: 10,
    MonitoringError: 11,
}
INTERRUPTED = 130

_CHATTER = ("absl", "alembic", "datasets", "fsspec", "httpx", "matplotlib", "mlflow", "ray.data", "ray.train")

EXIT_CODES_HELP = """\
exit codes: 0 done; 1 a fault in Adcraft itself; 2 arguments or settings; 3 feed; 4 dataset;
5 base model; 6 training; 7 MLflow or registry; 8 bundle; 9 disk; 10 Ray; 11 Prometheus or
Grafana; 130 interrupted.
"""


class Parser(argparse.ArgumentParser):
    """A command's arguments; the help, also of each subcommand, keeps its lines and ends with exit codes."""

    def __init__(self, **options: Any) -> None:
        """Options are those of ``argparse.ArgumentParser``."""
        super().__init__(
            epilog=EXIT_CODES_HELP, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )


def exit_code(error: AdcraftError) -> int:
    """The exit code of an error: that of its nearest class in ``EXIT_CODES``."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), 1)


def print_line(result: dict[str, Any]) -> None:
    """Print the one line of JSON that scripts read."""
    print(json.dumps(result, ensure_ascii=False, default=str), flush=True)


def run(command: str, stage: str, debug: bool, body: Callable[[], dict[str, Any] | None]) -> int:
    """Run ``body``; turn what it returns, or raises, into the JSON line and the exit code.

    SIGTERM interrupts as Ctrl-C does, and both do so even in a background job, where a shell has
    SIGINT ignored. A fault that is not explained goes through with its traceback.

    Args:
        command: how messages for people begin, e.g. ``ray_jobs train``.
        stage: the ``stage`` of the JSON line.
        debug: print tracebacks of explained faults too.
        body: returns what the JSON line is to say, or None if there is nothing to add.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        result = body()
    except KeyboardInterrupt:
        code, message = INTERRUPTED, "Interrupted; nothing half-written was left. Run it again to go on."
    except AdcraftError as error:
        if debug:
            traceback.print_exc()
        code, message = exit_code(error), str(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        code, message = EXIT_CODES[StorageError], f"The disk is full: {error}. Free space, and run it again."
    else:
        if result is not None:
            print_line({"stage": stage, "ok": True, **result})
        return 0
    print(f"{command}: {message}", file=sys.stderr, flush=True)
    print_line({"stage": stage, "ok": False, "exit_code": code, "error": message})
    return code


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def log_to_stderr(debug: bool) -> None:
    """Send logs to standard error; libraries' chatter only with ``debug``."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in _CHATTER:
        logging.getLogger(name).setLevel(logging.INFO if debug else logging.WARNING)
