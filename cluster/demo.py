"""From a product feed to copy over HTTP, on this machine, with the real pieces.

python -m cluster.demo [--feed products.csv]    until Ctrl-C; 'make demo'
python -m cluster.demo --smoke                  at its smallest, by itself; 'make smoke'

A local Ray head, every stage as a Ray job, MLflow's pages, and the HTTP application; all of it ends with
this command. What it makes stays in ./var/demo, so a second run finds dataset and model there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from adcraft import console
from adcraft.errors import ClusterError, FeedError
from cluster.demo_run import Demo, Plan
from cluster.demo_screen import Screen
from cluster.leash import ROOT
from cluster.ports import LOOPBACK, free_port, is_free

DEMO_ROWS, SMOKE_ROWS = 6000, 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, or the smoke run."""
    parsed = _parser().parse_args(arguments)
    name = "smoke" if parsed.smoke else "demo"
    return console.run(f"cluster.{name}", name, parsed.debug, lambda: _run(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m cluster.demo", description=__doc__)
    parser.add_argument("--feed", type=Path, metavar="FILE", help="your products; default: a sample feed")
    parser.add_argument("--port", type=int, default=8000, metavar="PORT", help="of HTTP; default: 8000")
    parser.add_argument("--rows", type=int, metavar="N", help=f"of the sample feed; default: {DEMO_ROWS}")
    parser.add_argument("--home", type=Path, metavar="DIR", help="default: ./var/demo/<feed>-<its hash>")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: configs/demo.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting")
    parser.add_argument("--smoke", action="store_true", help="the whole path at its smallest, by itself")
    parser.add_argument("--debug", action="store_true", help="tracebacks")
    return parser


def _run(parsed: argparse.Namespace) -> dict[str, Any] | None:
    with _plan(parsed) as plan, contextlib.ExitStack() as running:
        settings = plan.settings()
        _interrupt_once()
        return Demo(plan, settings, Screen(), running).run()


@contextlib.contextmanager
def _plan(parsed: argparse.Namespace) -> Iterator[Plan]:
    """What to do; what can be known to be wrong is said before anything starts."""
    port = free_port() if parsed.smoke else parsed.port
    if not is_free(port):
        raise ClusterError(
            f"Port {port} on {LOOPBACK} is in use. Stop what listens there, or take another: "
            f"PORT={port + 1} make demo."
        )
    feed = parsed.feed.expanduser().absolute() if parsed.feed else None
    if feed and not feed.exists():
        raise FeedError(f"There is no feed at {feed}.")
    label = re.sub(r"[^A-Za-z0-9._-]+", "-", feed.stem).strip("-._") or "feed" if feed else "sample"
    rows = parsed.rows or (SMOKE_ROWS if parsed.smoke else DEMO_ROWS)
    with contextlib.ExitStack() as stack:
        if parsed.home:
            home = parsed.home.expanduser().absolute()
        elif parsed.smoke:
            home = stack.enter_context(_folder_for_now())
        else:
            home = ROOT / "var" / "demo" / f"{label}-{_fingerprint(feed, rows)}"
        overrides = (
            f"home={home}",
            f"tracking.uri=sqlite:///{home}/mlflow.db",
            f"data.source={feed or home / 'feed.csv'}",
            f"data.name={label[:80]}",
            f"serve.port={port}",
            *parsed.set,
        )
        config = parsed.config or ROOT / "configs" / ("smoke.yaml" if parsed.smoke else "demo.yaml")
        yield Plan(feed, home, config.expanduser().absolute(), overrides, rows, parsed.smoke)


@contextlib.contextmanager
def _folder_for_now() -> Iterator[Path]:
    """A folder that goes when all went well, and stays for a look when not."""
    folder = Path(tempfile.mkdtemp(prefix="adcraft-smoke-"))
    try:
        yield folder
    except Exception:
        print(f"What it made is in {folder}.", file=sys.stderr)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(feed: Path | None, rows: int) -> str:
    """Eight digits that change with the feed's content, so each feed has its own state."""
    digest = hashlib.sha256(str(rows).encode() if feed is None else b"")
    for file in sorted(feed.rglob("*")) if feed and feed.is_dir() else [feed] if feed else []:
        if file.is_file():
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:8]


def _interrupt_once() -> None:
    """The first Ctrl-C begins the end, in order; further ones can't break that off."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        print("\nStopping; everything that was started goes too.", file=sys.stderr, flush=True)
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, interrupt)


if __name__ == "__main__":
    sys.exit(main())
