"""Stages run in this process as the command line runs them, and a home with a trained model."""

import contextlib
import io
import json
import logging
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from adcraft.data.dataset import PreparedDataset
from ray_jobs.command_line import main

TINY = (
    "model.scratch.vocabulary=300",
    "model.scratch.d_model=32",
    "model.scratch.d_ff=64",
    "model.scratch.heads=2",
    "model.scratch.layers=1",
    "model.source_tokens=48",
    "model.target_tokens=24",
    'model.tasks=["body"]',  # four kinds of text would take four times as long
    "train.max_epochs=2",
    "train.samples=2",
    "train.threads_per_worker=1",
)


@dataclass(frozen=True)
class Job:
    """What a stage showed to the shell."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def result(self) -> dict[str, Any]:
        """The one line of JSON."""
        result: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return result


@dataclass(frozen=True)
class TrainedHome:
    """An ``ADCRAFT_HOME`` with a dataset and the model that ``job`` trained with ``arguments``."""

    home: Path
    dataset: PreparedDataset
    arguments: list[str]
    job: Job

    @property
    def uri(self) -> str:
        """Of its MLflow."""
        return f"sqlite:///{self.home}/mlflow.db"

    @property
    def run_id(self) -> str:
        """Of the training run."""
        return str(self.job.result["run_id"])

    def client(self) -> Any:
        """Of its MLflow."""
        from adcraft.tracking.connection import connect

        return connect(self.uri)


def train_arguments(home: Path, *overrides: str) -> list[str]:
    """Settings of a training of seconds."""
    return [f"home={home}", *TINY, *overrides]


def furnish(home: Path, other: Path) -> None:
    """Give ``home`` what another has before it trains: dataset, base model, token ids."""
    for made in ("data", "train/bases", "train/encoded"):
        shutil.copytree(other / made, home / made)


def run_job(overrides: list[str], *more: str, stage: str = "train", options: Sequence[str] = ()) -> Job:
    """Run a stage on the Ray that is connected."""
    sets = (part for override in (*overrides, *more) for part in ("--set", override))
    return run_command(main, [stage, *options, *sets])


def run_command(main: Callable[[list[str]], int], arguments: list[str]) -> Job:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    started = time.monotonic()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _logs_to(err),
        warnings.catch_warnings(action="ignore"),  # of MLflow and SQLAlchemy about themselves
    ):
        code = main(arguments)
    return Job(code, out.getvalue(), err.getvalue(), time.monotonic() - started)


TRAINING_WORKER = "ray::RayTrainWorker"


def training_workers(driver: psutil.Process, title: str = TRAINING_WORKER) -> list[psutil.Process]:
    """The processes of Ray Train's workers, or of another title, that a driver's local Ray runs."""
    found = []
    for process in driver.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[0].startswith(title):
                found.append(process)
    return found


@contextlib.contextmanager
def killing_a_worker(after: str, title: str = TRAINING_WORKER) -> Iterator[list[int]]:
    """SIGKILL to one training worker, or process of another title, when this process has logged ``after``;
    yields the pids killed.
    """
    killed: list[int] = []
    said, over = threading.Event(), threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if after in record.getMessage():
                said.set()

    def kill() -> None:
        said.wait()
        while not killed and not over.is_set():
            for worker in training_workers(psutil.Process(), title)[:1]:
                worker.kill()
                killed.append(worker.pid)
            time.sleep(0.05)

    listener, killer = Listener(), threading.Thread(target=kill)
    logging.getLogger().addHandler(listener)
    killer.start()
    try:
        yield killed
    finally:
        logging.getLogger().removeHandler(listener)
        over.set()
        said.set()
        killer.join()


@contextlib.contextmanager
def _logs_to(stream: io.StringIO) -> Any:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(created).1f %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
