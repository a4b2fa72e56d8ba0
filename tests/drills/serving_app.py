"""``python -m serve_app`` as a process of its own under load, its Ray processes, and models to serve."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from adcraft.inference.bundle import MANIFEST, BundleManifest, seal_bundle
from adcraft.inference.specimens import SPECIMENS
from adcraft.registry import CHAMPION, Registry
from cluster.ports import free_port
from tests.drills.training_job import JobProcess
from tests.serving_load import ANSWER_S, Outcome
from tests.tiny_model import register_bundle, register_tiny_model

PATIENCE_S = 120
TEXTS = {"1": "Meet NAME by BRAND.", "2": "Here is NAME by BRAND."}
"""By version, what the two good models write."""
CORRUPT, GARBAGE, RAISING = "3", "4", "5"


def write_models(home: Path, *, spoilt: bool = True, uri: str = "") -> None:
    """Two good models that write differently, the first of them champion; and three that must not serve."""
    # An SQLite file that is moved away and brought back would be written where it was before.
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    aside, uri = home / "aside", uri or f"sqlite:///{home}/mlflow.db"
    with warnings.catch_warnings(action="ignore"):  # of MLflow and SQLAlchemy about themselves
        register_tiny_model(uri, aside, "good", "Meet")
        register_tiny_model(uri, aside, "better", "Here is")
        for spoil in (change_a_byte, write_other_specimens, read_what_is_no_piece) if spoilt else ():
            copied = shutil.copytree(aside / "good", aside / spoil.__name__)
            spoil(copied)
            register_bundle(uri, spoil.__name__, lambda _, copied=copied: copied)  # type: ignore[misc]
    shutil.rmtree(aside)


def change_a_byte(folder: Path) -> None:
    """Of the weights, after the bundle was sealed."""
    weights = folder / "engine" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")


def write_other_specimens(folder: Path) -> None:
    """Whole and sealed, but the model writes other texts than it did after training."""
    _respecimen(folder, lambda specimen: {**specimen, "written": [9] * len(specimen["written"])})


def read_what_is_no_piece(folder: Path) -> None:
    """Whole and sealed, but the engine raises when it writes."""
    _respecimen(folder, lambda specimen: {**specimen, "source": [10**6]})


def _respecimen(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    file = folder / SPECIMENS
    specimens = json.loads(file.read_text())["specimens"]
    file.write_text(json.dumps({"specimens": [change(specimen) for specimen in specimens]}))
    old = BundleManifest.model_validate_json((folder / MANIFEST).read_text())
    kept = {name: getattr(old, name) for name in BundleManifest.model_fields}
    del kept["format"], kept["files"]
    seal_bundle(folder, **kept)


class ServedApp(JobProcess):
    """The application in the foreground, with two generators."""

    def __init__(self, home: Path, *overrides: str) -> None:
        """Start it, and wait until it answers."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = (
            f"home={home}",
            f"serve.port={self.port}",
            "serve.min_replicas=2",
            "serve.max_replicas=2",
            "serve.poll_s=0.5",
            "ray.num_cpus=4",
            *overrides,
        )
        super().__init__(home, ["serve_app", *(f"--set={setting}" for setting in settings)])
        try:
            self.wait_until(lambda: self.out.stat().st_size > 0)
            assert self.result["ok"] is True, self.said
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """In order, so that it takes its folder away; whatever is left then is killed."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_S)
        super().stop()

    def actors(self, title: str) -> set[psutil.Process]:
        """Processes of Ray by the class in their titles, such as ``ServeReplica:adcraft:generator``; a name
        and a method may stand around it.
        """
        return {process for process in self._children() if f":{title}" in _title(process)}

    def replicas(self, deployment: str) -> set[psutil.Process]:
        return self.actors(f"ServeReplica:adcraft:{deployment}")

    def kill_one(self, title: str) -> None:
        """SIGKILL to an actor's process; returns when another one is there in its place."""
        before = self.actors(title)
        victim = next(iter(before))
        victim.kill()
        self.wait_for_that(
            lambda: len(self.actors(title) - {victim}) >= len(before), f"another {title} is there"
        )

    def get(self, path: str) -> dict[str, Any] | None:
        """The JSON that a route answers; None: another status than 200."""
        answer = httpx.get(f"{self.url}{path}", timeout=30, trust_env=False)
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found

    def answering(self) -> dict[str, int]:
        """By version, how many generators answer with it."""
        models = self.get("/models") or {"models": []}
        return {each["model"]["version"]: each["answers_in"] for each in models["models"]}

    def refused(self) -> dict[str, str]:
        """By version, why it was not used."""
        models = self.get("/models") or {"refused": []}
        return {each["version"]: each["reason"] for each in models["refused"]}

    def registry_is_reachable(self) -> bool:
        models = self.get("/models")
        return bool(models and models["registry"]["reachable"])

    def wait_for_version(self, version: str, generators: int = 2) -> None:
        self.wait_for_that(
            lambda: self.answering().get(version) == generators, f"version {version} answers everywhere"
        )

    def wait_for_that(self, come: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._has_come(come):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, f"never: {what}\n{self.said}"
            time.sleep(0.1)

    def _has_come(self, come: Callable[[], bool]) -> bool:
        try:
            return come()
        except httpx.HTTPError:
            return False

    def _children(self) -> Iterator[psutil.Process]:
        yield from psutil.Process(self.process.pid).children(recursive=True)


class Aliases:
    """The aliases of a home, moved as an operator would."""

    def __init__(self, uri: str) -> None:
        with warnings.catch_warnings(action="ignore"):
            self._registry = Registry(uri, "ad_copy")

    def champion(self, version: str) -> float:
        """Point ``champion`` there; seconds since 1970 just before that."""
        now = time.time()
        seen = self._registry.aliases()
        self._registry.move_aliases(seen, {CHAMPION: version})
        return now


def check(outcome: Outcome, *versions: str) -> None:
    """Every request was answered in time, by models that were assigned, in their own words."""
    assert outcome.failed == 0, outcome.failures
    assert outcome.unreached == 0
    assert outcome.sent == outcome.answered[200] + outcome.refused
    assert outcome.percentile_ms(99) < ANSWER_S * 1000
    assert {(each.version, each.text) for each in outcome.written.values()} == {
        (version, TEXTS[version]) for version in versions
    }


def resident_mib(processes: set[psutil.Process]) -> float:
    """Memory of their own, added up."""
    return sum(process.memory_info().rss for process in processes) / 2**20


def _title(process: psutil.Process) -> str:
    """What a process of Ray calls itself; nothing, where it is none or has ended."""
    try:
        title = " ".join(process.cmdline())
    except psutil.Error:
        return ""
    return title if title.startswith("ray::") else ""
