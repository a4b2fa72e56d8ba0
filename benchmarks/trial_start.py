"""How long a trial of a sweep takes to start on a warm cluster, beside a trivial ``TorchTrainer.fit``.

    python -m benchmarks.trial_start [--rounds 5]

Each round runs a sweep of two tiny trials, one at a time, and then a fit of Ray Train's defaults whose one
worker does nothing. What counts is the second trial: seconds from its proposal until its first optimizer step
is done, of which the training run says where they went. Both are on one local head with its dashboard.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import yaml

from adcraft.settings import load_settings
from adcraft.tracking.connection import connect
from benchmarks.report import Entry, write_report
from cluster.local import local_head
from cluster.session import ray_session
from tuning.journal import Journal
from tuning.settings import load_sweep
from tuning.sweep import run_sweep

_GOAL = 0.5
_POLLING = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
_TINY = {
    "scratch": {"vocabulary": 300, "d_model": 32, "d_ff": 64, "heads": 2, "layers": 1},
    "source_tokens": 48,
    "target_tokens": 24,
}


def main() -> None:
    """Race, print, write ``benchmarks/results/trial_start.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    trials: list[dict[str, float]] = []
    fits: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="adcraft-bench-") as name,
        local_head(num_cpus=len(os.sched_getaffinity(0))) as head,
    ):
        os.environ.update(head.access)
        with ray_session(load_settings()):
            write_dataset(Path(name))
            trivial_fit(Path(name), "warm")
            for index in range(arguments.rounds):
                trials.append(trial_start(Path(name), index))
                fits.append(trivial_fit(Path(name), str(index)))
                print(
                    f"round {index + 1}: trial {sum(trials[-1].values()):.1f} s, fit {fits[-1]:.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
    ratio = statistics.median(sum(trial.values()) / fit for trial, fit in zip(trials, fits, strict=True))
    parts = {f"{part}, s": statistics.median(trial[part] for trial in trials) for part in trials[0]}
    entry = Entry(
        claim="seconds until the first step of a trial over those of a trivial TorchTrainer.fit",
        value=ratio,
        goal=_GOAL,
        met=ratio <= _GOAL,
        rounds=arguments.rounds,
        peers={"trivial fit, s": statistics.median(fits), **parts},
    )
    write_report("trial_start", [entry])


def write_dataset(home: Path) -> None:
    """Prepare some hundred products of the sample feed below ``home``."""
    from adcraft.ad_copy.sample_feed.feed import write_feed
    from adcraft.data.plan import plan_preparation
    from adcraft.data.preparation import prepare
    from adcraft.workloads import get_workload

    write_feed(home / "feed.csv", rows=600, seed=1)
    settings = load_settings(overrides=[f"home={home}", f"data.source={home}/feed.csv"])
    prepare(plan_preparation(settings.data, get_workload(settings.workload)))


def trial_start(home: Path, index: int) -> dict[str, float]:
    """Seconds of each part of the second trial's start, in a sweep of two."""
    uri = f"sqlite:///{home}/mlflow.db"
    tree = {
        "name": f"round-{index}",
        "settings": {
            "home": str(home),
            "data": {"source": str(home / "feed.csv")},
            "model": _TINY,
            "train": {"max_epochs": 1, "samples": 0, "seed": 100 * index},
        },
        "space": {"train.learning_rate": {"choice": [0.01, 0.02]}},
        "search": {"algorithm": "grid"},
        "scheduler": {"name": "none"},
        "budget": {"trials": 2},
        "max_concurrent": 1,
    }
    file = home / "sweep.yaml"
    file.write_text(yaml.safe_dump(tree))
    sweep = load_sweep(file)
    result = run_sweep(sweep)
    events = Journal(sweep.folder).events()
    (proposed,) = (e["at"] for e in events if e["event"] == "trial" and e["number"] == 1)
    client = connect(uri)
    parent = client.get_run(result.parent_run_id)
    (run,) = (
        run
        for run in client.search_runs([parent.info.experiment_id])
        if run.data.tags.get("adcraft.sweep") == sweep.name and run.data.tags.get("adcraft.trial") == "1"
    )
    parts = {
        name.removeprefix("start/").removesuffix("_s").replace("_", " "): value
        for name, value in run.data.metrics.items()
        if name.startswith("start/")
    }
    (first, *_) = client.get_metric_history(run.info.run_id, "step/loss")
    return {"the driver": first.timestamp / 1000 - proposed - sum(parts.values()), **parts}


def trivial_fit(home: Path, name: str) -> float:
    """Seconds of a fit with nothing in it, as Ray's defaults have it."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    ours = os.environ.pop(_POLLING, None)
    try:
        started = time.monotonic()
        TorchTrainer(
            _nothing,
            scaling_config=ScalingConfig(num_workers=1),
            run_config=RunConfig(name=f"trivial-{name}", storage_path=str(home / "trivial")),
        ).fit()
        return time.monotonic() - started
    finally:
        if ours is not None:
            os.environ[_POLLING] = ours


def _nothing() -> None:
    """Trains nothing."""


if __name__ == "__main__":
    main()
