"""Write a feed of invented products, each with an ad written for it.

The same rows, seed and suffix give the same file, and a short feed is the beginning of a longer one.
With --dirty about one row in eight is damaged (missing values, duplicates, HTML, broken prices, wrong
encodings, ...), and the result says how many of each kind.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from adcraft.ad_copy.sample_feed.dirt import Dirt
from adcraft.ad_copy.sample_feed.feed import write_feed
from adcraft.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the stage takes."""
    parser.add_argument("--rows", type=int, default=10_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="0 or more; default: %(default)s")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="ending in .csv, .jsonl or .parquet"
    )
    parser.add_argument("--dirty", action="store_true", help="damage some rows")


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the feed. The settings play no part.

    Raises:
        SettingsError: rows, seed or output are not allowed.
        StorageError: the output can't be written.
    """
    feed = write_feed(arguments.output, arguments.rows, arguments.seed, Dirt() if arguments.dirty else None)
    result = dataclasses.asdict(feed)
    if not arguments.dirty:
        del result["damage"]
    return result
