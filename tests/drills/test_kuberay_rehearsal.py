"""The manifests' jobs and application on a local cluster of three nodes, and its head killed under load."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.leash import ROOT
from tests.drills import pod_network, rehearsal
from tests.redis_server import redis_program

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]

SMALL = {"max_epochs": 1, "budget": {"trials": 2, "epochs": 0, "minutes": 0}}


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    """What the rehearsal saw."""
    redis_program()
    folder = Path(tempfile.mkdtemp(prefix="adcraft-", dir="/tmp"))
    sweep = yaml.safe_load((ROOT / "configs" / pod_network.SMALL_SWEEP).read_text())
    sweep["settings"]["train"]["max_epochs"] = SMALL["max_epochs"]
    sweep["budget"] = SMALL["budget"]
    # A condition stands below what it is about.
    (folder / pod_network.SMALL_SWEEP).write_text(yaml.safe_dump(sweep, sort_keys=False))
    (folder / "person" / "api-keys").mkdir(parents=True)
    try:
        with pod_network.command(
            folder, [sys.executable, "-m", "tests.drills.rehearsal", str(folder)]
        ) as command:
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "token"},
                stdout=subprocess.PIPE, text=True, timeout=840, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout
        yield json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_every_entry_point_runs_as_it_stands(seen: dict[str, Any]) -> None:
    assert set(rehearsal.entry_points()) == set(rehearsal.JOBS) == set(seen["jobs"])
    jobs = seen["jobs"]
    assert all(job["ok"] for job in jobs.values())
    assert jobs["pipeline"]["stages"]["prepare"]["rows"]["in"] == rehearsal.ROWS
    assert jobs["prepare"]["version"] == jobs["pipeline"]["dataset_version"]
    assert jobs["train"]["reused"] is True
    assert jobs["train"]["model_version"] == jobs["pipeline"]["model_version"] == "1"
    assert jobs["sweep"]["model_version"] == "2"
    assert jobs["generate"]["rows"]["in"] == rehearsal.ROWS


def test_the_serve_configuration_serves_as_it_stands(seen: dict[str, Any]) -> None:
    assert seen["smoke"]["ok"] is True


def test_a_head_that_is_killed_under_load_comes_back_and_knows_what_it_knew(seen: dict[str, Any]) -> None:
    outage = seen["outage"]
    print(json.dumps({"outage": outage, "timings": seen["timings"]}))
    assert outage["replicas_lost"] < outage["replicas"] == 4
    assert outage["jobs_after"] == outage["jobs_before"] == len(rehearsal.JOBS)
    assert outage["alive"] == 3
    assert "401" not in outage["failed"]
