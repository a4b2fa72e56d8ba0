"""The shipped sweep's ASHA beside the same trials trained to their end.

    python -m benchmarks.asha [--seeds 3] [--home FOLDER] [--replays 0]

For each seed, the twelve proposals of ``configs/sweep-asha.yaml`` (with small shapes in place of its own) are
trained twice on a sample feed: once to the last epoch, and once as ``tuning.study`` decides by that file's
scheduler. What is compared is the test loss of the trial that validation picks, and the epochs that were
trained. Trials of a sweep run by turns on one core, without Ray: no epoch or loss depends on that. A home
that is kept goes on where it stopped, trial by trial.

``--replays N`` then asks how much of it was luck: it takes each seed's full histories in N random orders,
through our scheduler and through Ray Tune's.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from adcraft.settings import ModelSettings, ScratchSettings, Settings
from benchmarks import asha_replay
from benchmarks.report import Entry, write_report
from benchmarks.tiny_training import TinyFeed, epochs, read_feed
from tuning.journal import Journal
from tuning.settings import SchedulerSettings, SweepSettings, digest, load_sweep
from tuning.space import Parameter
from tuning.study import FINISHED, RUNNING, Study, Trial

_CONFIG = Path(__file__).parents[1] / "configs" / "sweep-asha.yaml"
_SHAPES: Mapping[str, Parameter] = {
    "model.scratch.d_model": Parameter(choice=(32, 64)),
    "model.scratch.layers": Parameter(integers=(1, 2)),
}
_BASE = ModelSettings(
    scratch=ScratchSettings(vocabulary=800, d_model=64, d_ff=128, heads=4, layers=2, dropout=0.0),
    source_tokens=64,
    target_tokens=40,
)
_METRIC = "validation_loss"
_GOAL_LOSS, _GOAL_EPOCHS = 1.01, 0.4


def main() -> None:
    """Train what is left, print, write ``benchmarks/results/asha.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=400, help="of the sample feed")
    parser.add_argument("--home", type=Path, help="kept; without it, a folder that is removed at the end")
    parser.add_argument("--replays", type=int, default=0, help="random orders of each seed's trials")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="adcraft-")))
        home.mkdir(parents=True, exist_ok=True)
        pairs = train(arguments.seeds, arguments.rows, home)
    entries = list(_entries(pairs))
    if arguments.replays:
        entries += _replay_entries([full for full, _ in pairs], arguments.replays)
    write_report("asha", entries)


def train(seeds: int, rows: int, home: Path) -> list[tuple[Study, Study]]:
    """Both studies of each seed; as many seeds at a time as there are cores."""
    feed = read_feed(sweep_of(0, "full", home).settings, rows, home / f"tokenizer-{rows}")
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(train_seed, seed, home, feed) for seed in range(seeds)]
        for future in waiting:
            future.result()
    pairs = [(run(seed, "full", home, feed), run(seed, "asha", home, feed)) for seed in range(seeds)]
    for pair in pairs:
        check_same_proposals(*pair)
    return pairs


def train_seed(seed: int, home: Path, feed: TinyFeed) -> None:
    """Both sides of a seed, by one core; what came out is in their journals."""
    torch.set_num_threads(1)
    for side in ("full", "asha"):
        run(seed, side, home, feed)


def sweep_of(seed: int, side: str, home: Path) -> SweepSettings:
    """The shipped sweep with small models; ``side`` full has no scheduler."""
    shipped = load_sweep(_CONFIG)
    train = shipped.settings.train.model_copy(update={"storage": str(home / f"seed-{seed}")})
    settings = shipped.settings.model_copy(update={"model": _BASE, "train": train})
    space = {key: value for key, value in shipped.space.items() if not key.startswith("model.")}
    scheduler = shipped.scheduler if side == "asha" else SchedulerSettings(name="none")
    return shipped.model_copy(
        update={
            "name": side,
            "settings": settings,
            "space": {**space, **_SHAPES},
            "search": shipped.search.model_copy(update={"seed": seed}),
            "scheduler": scheduler,
        }
    )


def run(seed: int, side: str, home: Path, feed: TinyFeed) -> Study:
    """Train the trials of a sweep that its journal does not hold yet."""
    sweep = sweep_of(seed, side, home)
    journal = Journal(sweep.folder)
    with journal.alone(sweep.identity(f"sample feed of {sum(map(len, feed.splits.values()))} examples")):
        study = Study(sweep, journal, lambda settings, _: _key(settings), lambda *_: None)
        if study.complete:
            return study
        study.begin()
        begun: dict[int, Iterator[dict[str, float]]] = {}
        while trial := study.next_trial():
            settings = study.settings_of(trial)
            until = study.until(trial)
            for metrics in begun.setdefault(trial.number, epochs(settings, feed)):
                if not study.report(trial.number, metrics) or metrics["epoch"] == until:
                    break
            if trial.status == RUNNING and until < settings.train.max_epochs:
                study.pause(trial.number)
            elif trial.status == RUNNING:
                study.end(trial.number, FINISHED)
            _say(seed, side, trial)
    return study


def check_same_proposals(full: Study, asha: Study) -> None:
    """Both sides tried the same values, and a trial's first epochs were the same on both."""
    for number, trial in full.trials.items():
        other = asha.trials[number]
        begun = trial.history[: len(other.history)]
        if trial.values != other.values or _losses(begun) != _losses(other.history):
            raise SystemExit(
                f"Trial {number} of seed {full.sweep.search.seed} differs between the two sides."
            )


def _losses(history: Sequence[Mapping[str, float]]) -> list[float]:
    return [round(metrics[_METRIC], 4) for metrics in history]


def _key(settings: Settings) -> str:
    content = {"model": settings.model.model_dump(), "train": settings.train.model_dump(exclude={"storage"})}
    return digest(content)


def _say(seed: int, side: str, trial: Trial) -> None:
    best = trial.best(_METRIC, 1.0)
    reached = f"validation {best[_METRIC]:.4f}, test {best['test_loss']:.4f}" if best else trial.reason
    print(
        f"seed {seed}, {side}, trial {trial.number}: {trial.epochs} epochs, {reached}",
        file=sys.stderr,
        flush=True,
    )


def _entries(pairs: Sequence[tuple[Study, Study]]) -> Iterator[Entry]:
    losses, shares = {}, {}
    for full, asha in pairs:
        seed = full.sweep.search.seed
        losses[f"seed {seed}"] = _test_loss(asha.ranked()[0]) / min(map(_test_loss, full.ranked()))
        shares[f"seed {seed}"] = _epochs(asha) / _epochs(full)
    trials = len(pairs[0][0].trials)
    worst = max(losses.values())
    yield Entry(
        claim=f"test loss of ASHA's winner over the best of all {trials} trials run to their end, worst seed "
        "(at most)",
        value=worst,
        goal=_GOAL_LOSS,
        met=worst <= _GOAL_LOSS,
        rounds=len(pairs),
        peers=losses,
    )
    worst = max(shares.values())
    yield Entry(
        claim=f"ASHA's epochs over those of all {trials} trials run to their end, worst seed (at most)",
        value=worst,
        goal=_GOAL_EPOCHS,
        met=worst <= _GOAL_EPOCHS,
        rounds=len(pairs),
        peers=shares,
    )


def _replay_entries(studies: Sequence[Study], orders: int) -> Iterator[Entry]:
    scheduler = sweep_of(0, "asha", Path()).scheduler
    generator = random.Random(0)
    forms = {"ours": asha_replay.ours, "Ray Tune's": asha_replay.ray_tunes}
    outcomes: dict[str, list[asha_replay.Outcome]] = {form: [] for form in forms}
    for study in studies:
        curves = [
            asha_replay.Curve(
                tuple(metrics[_METRIC] for metrics in trial.history),
                tuple(metrics["test_loss"] for metrics in trial.history),
            )
            for trial in study.trials.values()
            if trial.status == FINISHED
        ]
        last = study.sweep.settings.train.max_epochs
        for _ in range(orders):
            order = generator.sample(curves, len(curves))
            for form, replay in forms.items():
                outcomes[form].append(replay(order, scheduler, last))
    for form, results in outcomes.items():
        share = [result.epochs_share for result in results]
        loss = [result.loss_ratio for result in results]
        good = sum(s <= _GOAL_EPOCHS and x <= _GOAL_LOSS for s, x in zip(share, loss, strict=True))
        yield Entry(
            claim=f"ASHA, {form}, replayed on random orders of trials: share that meet both goals",
            value=good / len(results),
            goal=None,
            met=None,
            rounds=len(results),
            peers={
                "epochs median": statistics.median(share),
                "epochs worst": max(share),
                "loss median": statistics.median(loss),
                "loss worst": max(loss),
            },
        )


def _test_loss(trial: Trial) -> float:
    best = trial.best(_METRIC, 1.0)
    assert best is not None, "a ranked trial has a score"
    return best["test_loss"]


def _epochs(study: Study) -> int:
    return sum(trial.epochs for trial in study.trials.values())


if __name__ == "__main__":
    main()
