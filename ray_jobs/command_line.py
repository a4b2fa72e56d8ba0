"""The command line of every stage: arguments in, exit code and one line of JSON out.

A stage is a module with a docstring, ``add_arguments(parser)`` and
``run(settings, arguments) -> dict``. Its imports of ray, torch and mlflow stay inside ``run``, so
``--help`` and ``--dry-run`` are instant. Progress and logs go to standard error; standard output
carries the stage's own report, then the JSON line.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcraft import __version__, console
from adcraft.settings import load_settings

STAGES = {
    "sample": "write a feed of invented products",
    "check": "copy of any origin against its product's record and a placement's rules",
    "prepare": "feed -> versioned dataset",
    "train": "dataset -> fine-tuned T5, registered in MLflow",
    "distill": "champion -> a model with fewer decoder layers that learnt from it, registered in MLflow",
    "evaluate": "score the challenger on the untouched test split, beside champion and baselines",
    "promote": "make the challenger champion, if it is better beyond noise",
    "generate": "copy for a whole catalogue, by the champion",
    "rollback": "bring the previous champion back",
    "history": "what was promoted, refused and rolled back: when, by whom and why",
    "pipeline": "prepare, train, evaluate and promote; what has not changed is skipped",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage. Returns the process's exit code."""
    parsed = _parser(sys.argv[1:] if arguments is None else list(arguments)).parse_args(arguments)
    console.log_to_stderr(parsed.debug)
    return console.run(f"ray_jobs {parsed.stage}", parsed.stage, parsed.debug, lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> dict[str, Any] | None:
    settings = load_settings(parsed.config, parsed.set)
    if parsed.dry_run:
        json.dump(settings.model_dump(mode="json"), sys.stdout, indent=2, ensure_ascii=False)
        print()
        return None
    result: dict[str, Any] = importlib.import_module(f"ray_jobs.{parsed.stage}").run(settings, parsed)
    return result


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m ray_jobs",
        description="One stage of the way from a product feed to served ad copy.",
    )
    parser.add_argument("--version", action="version", version=f"adcraft {__version__}")
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    wanted = next((a for a in arguments if a in STAGES), None)
    for name, summary in STAGES.items():
        stage = stages.add_parser(
            name,
            help=summary,
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
