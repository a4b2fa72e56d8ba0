"""The sides of the comparison: how each is started, what it is asked, and how much."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adcraft.errors import ClusterError
from benchmarks.serving.asking import Asked
from benchmarks.serving.bench_model import BenchModel
from benchmarks.serving.client import Load, Outcome
from benchmarks.serving.processes import Server
from benchmarks.serving.raw_engine import RawOutcome
from cluster.leash import ROOT
from cluster.ports import free_port

TEXT = "creative"
_PEERS = "benchmarks.serving.peers"
_CLIENT_S = 1800
_TWO = ("serve.min_replicas=2", "serve.max_replicas=2")
_ONE = ("serve.min_replicas=1", "serve.max_replicas=1")


@dataclass(frozen=True)
class Side:
    """One of those compared.

    Attributes:
        name: for the report.
        share: of the requests that it gets; a slow one gets fewer.
        most_callers: at a time.
        settings: of the application; None is a peer.
        module: of a peer.
    """

    name: str
    share: float = 1.0
    most_callers: int = 1_000_000
    settings: tuple[str, ...] | None = None
    module: str = ""


ADCRAFT = Side("adcraft", settings=_TWO)
ONE_REPLICA = Side("adcraft, one replica", settings=_ONE)
CUT = Side("adcraft, cut vocabulary", settings=(*_TWO, "serve.alias=2"))
BATCHER = Side("micro-batcher", module=f"{_PEERS}.batcher_server")
RAY_SERVE = Side("Ray Serve", share=0.25, module=f"{_PEERS}.ray_serve")
TRANSFORMERS = Side("transformers", share=0.075, most_callers=64, module=f"{_PEERS}.transformers_server")
PLAIN_RAY_SERVE = Side("plain Ray Serve", module=f"{_PEERS}.plain_ray_serve")
PLAIN_UVICORN = Side("bare uvicorn", module=f"{_PEERS}.plain_uvicorn")


def start(side: Side, model: BenchModel, own_settings: Sequence[str]) -> Server:
    """Start a side; it may take a while until it answers.

    Args:
        side: which.
        model: that it serves.
        own_settings: of the application, after those of the side.
    """
    port = free_port()
    if side.settings is None:
        command = [sys.executable, "-m", side.module, str(model.whole.path), str(port)]
    else:
        settings = [
            f"home={model.home}",
            f"tracking.uri={model.tracking_uri}",
            f"serve.port={port}",
            *side.settings,
            *own_settings,
        ]
        command = [sys.executable, "-m", "serve_app"]
        for setting in settings:
            command += ["--set", setting]
    log = model.home / f"{side.name.replace(', ', '-').replace(' ', '-')}.log"
    return Server(command, port, log, os.environ)


def load(server: Server, asked: Sequence[Asked], callers: int) -> Outcome:
    """Send requests by a client of its own process.

    Raises:
        ClusterError: some were not answered well.
    """
    return send(Load(server.port, "/predict", callers, [each.body for each in asked], TEXT))


def send(what: Load) -> Outcome:
    """Send a load by a client of its own process.

    Raises:
        ClusterError: some requests were not answered well.
    """
    done = _python(["benchmarks.serving.client"], json.dumps(asdict(what)))
    outcome = Outcome(**json.loads(done))
    if outcome.failed:
        raise ClusterError(
            f"{outcome.failed} of {len(what.bodies)} requests with {what.callers} callers were not answered "
            f"well: {'; '.join(outcome.faults)}"
        )
    return outcome


def raw_engine(bundle: Path, asked: Sequence[Asked], singles: Sequence[Asked]) -> RawOutcome:
    """The engine alone, in processes of its own."""
    given = {"records": [each.record for each in asked], "singles": [each.record for each in singles]}
    return RawOutcome(
        **json.loads(_python(["benchmarks.serving.raw_engine", str(bundle)], json.dumps(given)))
    )


def offline_s(bundle: Path, asked: Sequence[Asked]) -> float:
    """Seconds that ``transformers.generate`` takes on a GPU."""
    given = json.dumps([each.record for each in asked])
    return float(_python(["benchmarks.serving.gpu", str(bundle)], given))


def engine_start(bundle: Path, asked: Asked) -> str:
    """One text by a process of its own."""
    return _python(["benchmarks.serving.engine_start", str(bundle), asked.body], "").strip()


def _python(module: Sequence[str], given: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *module],
        input=given,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_CLIENT_S,
        cwd=ROOT,
        check=True,
    )
    return done.stdout
