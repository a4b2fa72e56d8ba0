"""What the size of a batch and the number of epochs are worth: validation losses on the Myntra feed.

    python -m benchmarks.batch_size [--rows 2000] [--sizes 384 768 1536 3072] [--epochs 1 2 4 8]

Trains the scratch T5 of the default settings, once for each size with the second number of epochs, and once
for each number of epochs with the second size. Nothing is timed, so it may share the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch

from adcraft.inference.codec import TextCodec
from adcraft.settings import Settings, TrainSettings, load_settings
from benchmarks.report import Entry, write_report
from benchmarks.tiny_training import TinyFeed, epochs
from benchmarks.train_feed import Feed, write_feed
from cluster.session import ray_session

_RATE = 0.02


def main() -> None:
    """Train, print, write ``benchmarks/results/batch_size.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2000, help="to train on")
    parser.add_argument("--sizes", type=int, nargs="+", default=[384, 768, 1536, 3072], help="tokens")
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 2, 4, 8])
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    with tempfile.TemporaryDirectory(prefix="adcraft-bench-") as name:
        with ray_session(load_settings(overrides=[f"ray.num_cpus={cores}"])):
            written = write_feed(Path(name), arguments.rows, threads=cores, tokens_per_batch=1536)
        feed = read(written)
        size, count = arguments.sizes[1], arguments.epochs[1]
        by_size = {f"{tokens} tokens": last_loss(feed, tokens, count) for tokens in arguments.sizes}
        by_epochs = {f"{number} epochs": last_loss(feed, size, number) for number in arguments.epochs}
    entries = [
        Entry(
            claim=f"validation loss after {count} epochs of {arguments.rows} {written.name} rows, best size",
            value=min(by_size.values()),
            goal=None,
            met=None,
            rounds=1,
            peers=by_size,
        ),
        Entry(
            claim=f"validation loss with batches of {size} tokens, best number of epochs",
            value=min(by_epochs.values()),
            goal=None,
            met=None,
            rounds=1,
            peers=by_epochs,
        ),
    ]
    write_report("batch_size", entries)


def read(written: Feed) -> TinyFeed:
    """The rows of a feed; a tenth of the validation rows stands for the test split, which nobody reads."""
    validation = written.rows("validation")
    splits = {"train": written.rows("train"), "validation": validation, "test": validation[::10]}
    codec = TextCodec.load(written.folder / "base" / "tokenizer.json")
    return TinyFeed(splits, len(codec.vocabulary))


def last_loss(feed: TinyFeed, tokens: int, count: int) -> float:
    """Validation loss of a run of ``count`` epochs, at its end."""
    train = TrainSettings(tokens_per_batch=tokens, max_epochs=count, learning_rate=_RATE)
    *_, last = epochs(Settings(train=train), feed)
    print(f"{tokens} tokens, {count} epochs: {last['validation_loss']:.3f}", file=sys.stderr, flush=True)
    return last["validation_loss"]


if __name__ == "__main__":
    main()
