"""``python -m ray_jobs train`` as a process of its own, to be killed, and what it left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from adcraft.tracking.connection import connect
from tests.jobs import train_arguments, training_workers

EPOCHS = 3
_ROOT = Path(__file__).parents[2]
_MARKER = "ADCRAFT_DRILL"
_PATIENCE_S = 300
SLOW = (  # epochs of some seconds, so that there is a middle to be killed in
    f"train.max_epochs={EPOCHS}",
    "train.patience=0",
    "train.tokens_per_batch=96",
    "ray.num_cpus=2",
)


class JobProcess:
    """A command on a Ray of its own, in a process group of its own."""

    def __init__(self, home: Path, command: list[str]) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}-{time.monotonic_ns()}.log"
        self.out = self.log.with_suffix(".out")
        self._mark = str(self.log)
        with self.log.open("wb") as err, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=_ROOT,
                stdout=out,
                stderr=err,
                env={**os.environ, _MARKER: self._mark},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def result(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.out.read_text().splitlines()[-1])
        return result

    def wait_for(self, words: str) -> None:
        self.wait_until(lambda: words in self.said)

    def wait_until(self, come: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not come():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def kill_a_worker(self) -> None:
        workers = training_workers(psutil.Process(self.process.pid))
        assert len(workers) == 1, workers
        workers[0].kill()

    def send_to_all(self, number: signal.Signals) -> None:
        """As a terminal does: to the whole process group."""
        os.killpg(self.process.pid, number)

    def end(self) -> int:
        try:
            return self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"It has not ended after {_PATIENCE_S} s. It said:\n{self.said}")

    def assert_nothing_is_left(self) -> None:
        """Ray's processes end with their driver. Its agents first try to tell the control store of it, for
        60 s where that was killed before it could answer.
        """
        deadline = time.monotonic() + 150
        while left := [process for process in psutil.process_iter() if self._started(process)]:
            assert time.monotonic() < deadline, left
            time.sleep(0.2)

    def stop(self) -> None:
        for process in [p for p in psutil.process_iter() if self._started(p)]:
            process.kill()

    def _started(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(_MARKER) == self._mark)
        except psutil.Error:
            return False


class TrainingJob(JobProcess):
    """A training of some hundred products, or what the home holds."""

    def __init__(self, home: Path, *overrides: str) -> None:
        settings = train_arguments(home, *SLOW, *overrides)
        super().__init__(home, ["ray_jobs", "train", *(f"--set={setting}" for setting in settings)])

    def wait_for_the_middle_of_an_epoch(self, after: int = 1) -> None:
        self.wait_for(f"epoch {after} done")
        time.sleep(1)


class Traces:
    """What a home's MLflow knows of its one run."""

    def __init__(self, uri: str) -> None:
        self._client = connect(uri)
        (experiment,) = self._client.search_experiments(filter_string="name = 'adcraft'")
        (self._run,) = self._client.search_runs([experiment.experiment_id])

    @property
    def status(self) -> str:
        return str(self._run.info.status)

    def history(self, metric: str) -> list[tuple[int, float]]:
        return [(m.step, m.value) for m in self._client.get_metric_history(self._run.info.run_id, metric)]

    def artifacts(self) -> set[str]:
        return {file.path for file in self._client.list_artifacts(self._run.info.run_id)}

    def versions(self) -> list[str]:
        return [str(version.version) for version in self._client.search_model_versions("name = 'ad_copy'")]
