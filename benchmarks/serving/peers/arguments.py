"""What every peer is given, and how those of plain uvicorn run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.client import HOST


@dataclass(frozen=True)
class PeerArguments:
    """The bundle that it serves, and the port."""

    bundle: Path
    port: int


def peer_arguments(about: str | None) -> PeerArguments:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("port", type=int)
    return PeerArguments(**vars(parser.parse_args()))


def serve_by_uvicorn(app: Any, port: int) -> None:
    """As fast as uvicorn is: its C parser and loop, no access log."""
    import uvicorn

    uvicorn.run(
        app, host=HOST, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
