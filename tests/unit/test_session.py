"""A local Ray: started again where a busy machine is slower than Ray wants it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import ray

from adcraft.errors import ClusterError
from adcraft.settings import load_settings
from cluster.session import ENVIRONMENT, ray_session

SLOW = Exception("The current node timed out during startup. This could happen because ...")


def starting(monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None) -> list[Any]:
    """Let ``ray.init`` do these things in turn; its calls so far."""
    calls: list[Any] = []

    def init(**options: Any) -> None:
        calls.append(options)
        if outcome := outcomes[len(calls) - 1]:
            raise outcome

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    return calls


def test_ray_is_started_with_our_variables_where_the_user_has_set_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_worker_niceness", "5")
    starting(monkeypatch, None)
    with ray_session(load_settings(None, [f"home={tmp_path}"], {})):
        found = {name: os.environ.get(name) for name in ENVIRONMENT}
    assert found == {**ENVIRONMENT, "RAY_worker_niceness": "5"}


def test_a_node_that_is_not_up_in_time_is_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = starting(monkeypatch, SLOW, SLOW, None)
    with ray_session(load_settings(None, [f"home={tmp_path}"], {})):
        pass
    assert len(calls) == 3


@pytest.mark.parametrize("outcomes", [(SLOW, SLOW, SLOW), (Exception("no port is free"),)])
def test_any_other_fault_and_one_that_stays_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcomes: tuple[Exception, ...]
) -> None:
    calls = starting(monkeypatch, *outcomes)
    with (
        pytest.raises(ClusterError, match="A local Ray did not start: "),
        ray_session(load_settings(None, [f"home={tmp_path}"], {})),
    ):
        pass
    assert len(calls) == len(outcomes)


def test_what_ray_leaves_behind_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker that hangs in its exit handlers, as seen under load, was left as an orphan."""
    starting(monkeypatch, None)
    monkeypatch.setattr("cluster.session._GRACE_S", 0)
    other = subprocess.Popen(["sleep", "600"])
    with ray_session(load_settings(None, [f"home={tmp_path}"], {})):
        left = subprocess.Popen(["sleep", "600"])
    assert left.wait(10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()


def test_variables_of_the_ray_that_is_started_are_gone_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = starting(monkeypatch, None)
    monkeypatch.setenv("RAY_B", "before")
    settings = load_settings(None, [f"home={tmp_path}"], {})
    with ray_session(settings, lambda folder: {"RAY_A": str(folder), "RAY_B": "within"}):
        folder = Path(os.environ["RAY_A"])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.environ["RAY_B"] == "within"
        assert calls[0]["_temp_dir"] == str(folder / "ray")
    assert "RAY_A" not in os.environ
    assert os.environ["RAY_B"] == "before"
    assert not folder.exists()


def test_a_ray_that_runs_already_keeps_its_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    starting(monkeypatch, None)
    settings = load_settings(None, [f"home={tmp_path}", "ray.address=127.0.0.1:6379"], {})
    with ray_session(settings, lambda _: {"RAY_A": "1"}):
        assert "RAY_A" not in os.environ
