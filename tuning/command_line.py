"""The command line of sweeps: as that of the other stages, arguments in, exit code and one line of JSON out.

Imports of ray, torch and mlflow stay inside the commands, so ``--help`` and ``--dry-run`` are instant.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adcraft import __version__, console
from adcraft.errors import SettingsError
from tuning.settings import SweepSettings, load_sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the process's exit code."""
    parsed = _parser().parse_args(arguments)
    console.log_to_stderr(parsed.debug)
    return console.run(f"tuning {parsed.command}", parsed.command, parsed.debug, lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> dict[str, Any] | None:
    settings = load_sweep(parsed.config, parsed.set)
    if parsed.dry_run:
        tree = settings.model_dump(mode="json", exclude_none=True)
        json.dump(tree, sys.stdout, indent=2, ensure_ascii=False)
        print()
        return None
    return _COMMANDS[parsed.command](settings)


def _sweep(settings: SweepSettings) -> dict[str, Any]:
    """Train many variants of one run, stop the poor ones early, register the best.

    The file names base settings, a search space, a search algorithm, a scheduler and a budget. The same
    file again goes on with the same sweep: finished trials are not trained again. The best trial's model
    is registered; the first version of a model becomes champion, later ones challenger.
    """
    from adcraft.tracking.connection import check_answers
    from cluster.session import ray_session

    check_answers(settings.settings.tracking.uri)  # before a Ray is started for nothing
    with ray_session(settings.settings):
        from tuning.sweep import run_sweep

        result = run_sweep(settings)
    print(result.report.text, file=sys.stderr, flush=True)
    return result.summary()


def _report(settings: SweepSettings) -> dict[str, Any]:
    """Print the leaderboard of a sweep, what mattered and why trials ended early; write two pictures.

    Takes the sweep's own file, and can be asked while the sweep runs.
    """
    from tuning.journal import Journal
    from tuning.report import make_report
    from tuning.study import Study

    journal = Journal(settings.folder)
    if not journal.exists():
        raise SettingsError(
            f"There is no sweep {settings.name!r} in {settings.folder}. Run it first: python -m tuning sweep "
            "with the same file and settings."
        )
    study = Study(settings, journal, key_of=lambda *_: "", hand_over=lambda *_: None)
    report = make_report(study)
    report.write(settings.folder / "report")
    print(report.text)
    return {
        "name": settings.name,
        "trials": {status.lower(): count for status, count in study.counts().items()},
        "report": str(settings.folder / "report"),
    }


_COMMANDS: dict[str, Callable[[SweepSettings], dict[str, Any]]] = {"sweep": _sweep, "report": _report}


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m tuning",
        description="Sweeps over the training of a T5.",
    )
    parser.add_argument("--version", action="version", version=f"adcraft {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, body in _COMMANDS.items():
        description = inspect.cleandoc(body.__doc__ or "")
        command = commands.add_parser(
            name,
            help=description.splitlines()[0],
            description=description,
        )
        command.add_argument("--config", type=Path, metavar="FILE", required=True, help="the sweep as YAML")
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="train.max_epochs=3 is of every trial, sweep.budget.trials=4 of the sweep itself",
        )
        command.add_argument("--dry-run", action="store_true", help="print the resolved sweep, do nothing")
        command.add_argument("--debug", action="store_true", help="tracebacks and debug logs")
    return parser
