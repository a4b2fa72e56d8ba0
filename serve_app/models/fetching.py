"""A bundle on this node: found there, or fetched by a process of its own, since MLflow's client takes more
memory than an engine does.

    python -m serve_app.models.fetching    reads what to fetch as JSON from standard input, prints where it is
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from adcraft.errors import AdcraftError, BundleError, TrackingError
from adcraft.inference.bundle import MANIFEST
from adcraft.registry import ModelVersion, Registry
from adcraft.tracking.bundle_fetch import place_of
from serve_app.args import ServeArgs

_FETCH_TIMEOUT_S = 600.0
_NO_BUNDLE = 3


def bundle_at_hand(args: ServeArgs, version: ModelVersion) -> Path:
    """The folder of a version's bundle. Blocking.

    Raises:
        BundleError: it is gone, or is none.
        TrackingError: the files can't be fetched.
    """
    path = place_of(version, args.models)
    if (path / MANIFEST).exists():
        return path
    wanted = {"tracking": args.tracking.model_dump(), "version": asdict(version), "folder": str(args.models)}
    what = f"{version.name} version {version.version}"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "serve_app.models.fetching"],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=_FETCH_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TrackingError(f"Fetching {what} took more than {_FETCH_TIMEOUT_S:.0f} s.") from error
    if done.returncode:
        kind = BundleError if done.returncode == _NO_BUNDLE else TrackingError
        said = done.stderr.strip().splitlines()
        raise kind(said[-1] if said else f"Fetching {what} ended with {done.returncode}.")
    return path


def main() -> int:
    """Fetch what standard input names. Returns the process's exit code."""
    wanted = json.load(sys.stdin)
    version = ModelVersion(**{**wanted["version"], "aliases": tuple(wanted["version"]["aliases"])})
    tracking = wanted["tracking"]
    try:
        registry = Registry(tracking["uri"], tracking["model"], create=False)
        print(registry.download(version, Path(wanted["folder"])))
    except AdcraftError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return _NO_BUNDLE if isinstance(error, BundleError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
