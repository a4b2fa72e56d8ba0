"""Serve the champion over HTTP, in the foreground, until Ctrl-C.

python -m serve_app [--config FILE] [--set KEY=VALUE ...]
python -m serve_app keys --help      create, list and revoke API keys
python -m serve_app capacity --help  measure what a replica can do, and scale by it
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from adcraft import __version__, console
from adcraft.settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, see to the API keys, or measure. Returns the process's exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["keys"]:
        from serve_app.keys import keys_command

        return keys_command.main(given[1:])
    if given[:1] == ["capacity"]:
        from serve_app.scaling import capacity_command

        return capacity_command.main(given[1:])
    parsed = _parser().parse_args(given)
    console.log_to_stderr(parsed.debug)
    return console.run("serve_app", "serve", parsed.debug, lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> None:
    settings = load_settings(parsed.config, parsed.set)
    if parsed.dry_run:
        json.dump(settings.model_dump(mode="json"), sys.stdout, indent=2, ensure_ascii=False)
        print()
        return
    from serve_app.foreground import serve_until_stopped

    serve_until_stopped(settings)


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m serve_app", description=__doc__)
    parser.add_argument("--version", action="version", version=f"adcraft {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. serve.port=8001"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the resolved settings, do nothing")
    parser.add_argument("--debug", action="store_true", help="tracebacks and debug logs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
