"""Training beside transformers' ``Seq2SeqTrainer``, and Ray Train beside a plain torch loop.

    python -m benchmarks.train [--rows 3000] [--ray-rows 1700] [--rounds 5]

All on the Myntra feed (the sample feed where that is not here). First our batches and steps in a plain loop
and Seq2SeqTrainer with three ways to pad, each in a process of its own with all cores. Each makes one pass
over the same rows, in turns: one to warm up and one for each round. So the same run gives speed and, at its
end, the loss per token at equal tokens. Then the same plain loop takes turns with one Ray Train worker that
has all cores, and with workers of one core each that share every batch.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from adcraft.settings import load_settings
from benchmarks.report import Entry, write_report
from benchmarks.train_feed import Feed, write_feed
from benchmarks.train_ray import by_ray
from cluster.session import ray_session

_PEERS = {
    "full": ("padding to the maximum length", 2.5),
    "dynamic": ("dynamic padding", 1.3),
    "grouped": ("dynamic padding and group_by_length", 1.0),
}
_GOAL_LOSS = 1.01
_GOAL_TIME = 1.1
_GOAL_WORKERS = 0.9

Rates = dict[str, list[float]]
"""Useful tokens/s of each side, round by round."""


def main() -> None:
    """Race, print, write ``benchmarks/results/train.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=3000, help="of one pass; 0: only Ray Train")
    parser.add_argument("--ray-rows", type=int, default=1700, help="of one pass; 0: only transformers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens-per-batch", type=int, default=1536)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    session = load_settings(overrides=[f"ray.num_cpus={cores}"])
    with tempfile.TemporaryDirectory(prefix="adcraft-bench-") as name:
        folder = Path(name)
        with ray_session(session):
            feed = write_feed(
                folder,
                arguments.rows or arguments.ray_rows,
                threads=cores,
                tokens_per_batch=arguments.tokens_per_batch,
            )
        entries: list[Entry] = []
        if arguments.rows:
            rates, losses = beside_transformers(feed, arguments.rounds)
            entries += _transformers_entries(feed, rates, losses, arguments.rounds)
            entries.append(_limit_entry(feed, rates["ours"], arguments.rounds))
        if arguments.ray_rows:
            shorter = feed.shortened(folder / "shorter", arguments.ray_rows)
            with ray_session(session):
                rates = beside_ray(shorter, cores, arguments.rounds)
            entries += _ray_entries(rates, cores, arguments.rounds)
    write_report("train", entries)


class Side:
    """A process of ``benchmarks.train_sides`` that trains a part at each turn."""

    def __init__(self, feed: Feed, name: str, turns: int) -> None:
        self._name = name
        command = [sys.executable, "-m", "benchmarks.train_sides", str(feed.folder), name, str(turns)]
        self._errors = (feed.folder / f"{name}.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def turn(self) -> float:
        """Let it train the next part; useful tokens/s."""
        answer = self._answer()
        return answer["tokens"] / answer["seconds"]

    def loss(self) -> float:
        """After the last turn: per target token of the validation rows."""
        return self._answer()["loss"]

    def _answer(self) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what it died of is told below
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise SystemExit(f"The side {self._name!r} died:\n{self._errors.read()}")
        answer: dict[str, float] = json.loads(line)
        return answer


def beside_transformers(feed: Feed, rounds: int) -> tuple[Rates, dict[str, float]]:
    """Tokens/s of ours and of each peer, round by round, and the loss that each ended at."""
    names = ("ours", *_PEERS)
    rates: Rates = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        sides = {name: stack.enter_context(Side(feed, name, rounds + 1)) for name in names}
        for index in range(rounds + 1):
            turn = {name: side.turn() for name, side in sides.items()}
            _say("beside transformers", index, turn)
            if index:
                for name, rate in turn.items():
                    rates[name].append(rate)
        losses = {name: side.loss() for name, side in sides.items()}
    return rates, losses


def beside_ray(feed: Feed, cores: int, rounds: int) -> Rates:
    """Tokens/s of the plain loop, of one worker and of one worker a core, round by round."""
    rates: Rates = {"plain": [], "one": [], "many": []}
    with Side(feed, "ours", rounds + 1) as plain:
        plain.turn()
        for index in range(1, rounds + 1):
            turn = {
                "plain": plain.turn(),
                "one": by_ray(feed, f"one-{index}", workers=1),
                "many": by_ray(feed, f"many-{index}", workers=cores),
            }
            _say("beside a plain loop", index, turn)
            for name, rate in turn.items():
                rates[name].append(rate)
    return rates


def _say(part: str, index: int, turn: Mapping[str, float]) -> None:
    shown = ", ".join(f"{name} {rate:,.0f}" for name, rate in turn.items())
    what = f"round {index}" if index else "to warm up"
    print(f"{part}, {what}: {shown} tokens/s", file=sys.stderr, flush=True)


def _transformers_entries(
    feed: Feed, rates: Rates, losses: Mapping[str, float], rounds: int
) -> Iterator[Entry]:
    for name, (what, goal) in _PEERS.items():
        ratio = _ratio(rates["ours"], rates[name])
        yield Entry(
            claim=f"useful tokens/s over Seq2SeqTrainer, {what}, {feed.name} feed",
            value=ratio,
            goal=goal,
            met=ratio >= goal,
            rounds=rounds,
            peers={
                "tokens/s": statistics.median(rates["ours"]),
                "Seq2SeqTrainer tokens/s": statistics.median(rates[name]),
            },
        )
    for name, (what, _) in _PEERS.items():
        ratio = losses["ours"] / losses[name]
        yield Entry(
            claim=f"loss per token at equal tokens over Seq2SeqTrainer, {what} (at most)",
            value=ratio,
            goal=_GOAL_LOSS,
            met=ratio <= _GOAL_LOSS,
            rounds=1,
            peers={"loss": losses["ours"], "Seq2SeqTrainer loss": losses[name]},
        )


def _limit_entry(feed: Feed, ours: Sequence[float], rounds: int) -> Entry:
    command = [sys.executable, "-m", "benchmarks.train_limit", str(feed.folder)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    flops = statistics.median(ours) * answer["flop_per_token"]
    return Entry(
        claim="our float32 FLOP/s in training over a matrix product's alone (reported)",
        value=flops / answer["flop_per_s"],
        goal=None,
        met=None,
        rounds=rounds,
        peers={
            "GFLOP/s": flops / 1e9,
            "matrix product GFLOP/s": answer["flop_per_s"] / 1e9,
            "MFLOP a token": answer["flop_per_token"] / 1e6,
        },
    )


def _ray_entries(rates: Rates, cores: int, rounds: int) -> Iterator[Entry]:
    plain = statistics.median(rates["plain"])
    ratio = _ratio(rates["plain"], rates["one"])
    yield Entry(
        claim=f"time per step (per useful token) of 1 Ray Train worker of {cores} threads over a plain torch "
        f"loop of {cores} threads (at most)",
        value=ratio,
        goal=_GOAL_TIME,
        met=ratio <= _GOAL_TIME,
        rounds=rounds,
        peers={"plain tokens/s": plain, "Ray Train tokens/s": statistics.median(rates["one"])},
    )
    ratio = _ratio(rates["many"], rates["plain"])
    yield Entry(
        claim=f"useful tokens/s of {cores} Ray Train workers of 1 thread over a plain torch loop of {cores} "
        "threads",
        value=ratio,
        goal=_GOAL_WORKERS,
        met=ratio >= _GOAL_WORKERS,
        rounds=rounds,
        peers={"plain tokens/s": plain, "Ray Train tokens/s": statistics.median(rates["many"])},
    )


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
