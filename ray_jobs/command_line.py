"""The command line of every stage: arguments in, exit code and one line of JSON out.

A stage is a module with a docstring, ``add_arguments(parser)`` and
``run(settings, arguments) -> dict``. Its imports of ray, torch and mlflow stay inside ``run``, so
``--help`` and ``--dry-run`` are instant. Progress and logs go to standard error; standard output
carries the stage's own report, then the JSON line.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import logging
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from adcraft import __version__
from adcraft.errors import (
    AdcraftError,
    BaseModelError,
    BundleError,
    ClusterError,
    DatasetError,
    FeedError,
    SettingsError,
    StorageError,
    TrackingError,
    TrainingError,
)
from adcraft.settings import load_settings

STAGES = {
    "sample": "write a feed of invented products",
    "prepare": "feed -> versioned dataset",
    "train": "dataset -> fine-tuned T5, registered in MLflow",
    "evaluate": "score a registered model on the untouched test split, beside baselines",
}

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
}
INTERRUPTED = 130

_EPILOG = """\
exit codes: 0 done; 1 a fault in Adcraft itself; 2 arguments or settings; 3 feed; 4 dataset;
5 base model; 6 training; 7 MLflow or registry; 8 bundle; 9 disk; 10 Ray; 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage. Returns the process's exit code."""
    parsed = _parser(sys.argv[1:] if arguments is None else list(arguments)).parse_args(arguments)
    _log_to_stderr(parsed.debug)
    signal.signal(signal.SIGTERM, _interrupt)
    stage: str = parsed.stage
    try:
        settings = load_settings(parsed.config, parsed.set)
        if parsed.dry_run:
            json.dump(settings.model_dump(mode="json"), sys.stdout, indent=2, ensure_ascii=False)
            print()
            return 0
        result = importlib.import_module(f"ray_jobs.{stage}").run(settings, parsed)
    except KeyboardInterrupt:
        return _fail(stage, INTERRUPTED, "Interrupted; nothing half-written was left. Run it again to go on.")
    except AdcraftError as error:
        if parsed.debug:
            traceback.print_exc()
        return _fail(stage, exit_code(error), str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _fail(stage, EXIT_CODES[StorageError], f"The disk is full: {error}. Free space, and run it again.")
    print_line({"stage": stage, "ok": True, **result})
    return 0


def exit_code(error: AdcraftError) -> int:
    """The exit code of an error: that of its nearest class in ``EXIT_CODES``."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), 1)


def print_line(result: dict[str, Any]) -> None:
    """Print the one line of JSON that ends every job."""
    print(json.dumps(result, ensure_ascii=False, default=str), flush=True)


def _fail(stage: str, code: int, message: str) -> int:
    print(f"ray_jobs {stage}: {message}", file=sys.stderr, flush=True)
    print_line({"stage": stage, "ok": False, "exit_code": code, "error": message})
    return code


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _log_to_stderr(debug: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    if not debug:
        for name in ("httpx", "alembic", "mlflow", "matplotlib", "datasets", "fsspec"):
            logging.getLogger(name).setLevel(logging.WARNING)


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ray_jobs",
        description="One stage of the way from a product feed to served ad copy.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"adcraft {__version__}")
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    wanted = next((a for a in arguments if a in STAGES), None)
    for name, summary in STAGES.items():
        stage = stages.add_parser(
            name, help=summary, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        stage.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
        stage.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. train.max_epochs=3"
        )
        stage.add_argument("--dry-run", action="store_true", help="print the resolved settings, do nothing")
        stage.add_argument("--debug", action="store_true", help="tracebacks and debug logs")
        if name == wanted:
            module = importlib.import_module(f"ray_jobs.{name}")
            stage.description = module.__doc__
            module.add_arguments(stage)
    return parser
