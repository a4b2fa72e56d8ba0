"""What a cluster lacks is said before anything is applied. kubectl is a script that answers from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cluster.kuberay import preflight
from cluster.kuberay.checks.manifest import read_manifests
from cluster.kuberay.render import HERE
from cluster.passwords import ALL_SECRETS

KINDS = ["rayclusters.ray.io", "rayjobs.ray.io", "rayservices.ray.io", "raycronjobs.ray.io"]


def named(*names: str, **more: Any) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": name}, **more} for name in names]}


class Cluster:
    """A cluster that has it all."""

    def __init__(self) -> None:
        self.crds = named(*KINDS, "podmonitors.monitoring.coreos.com")
        self.secrets = {
            "items": [
                {"metadata": {"name": name}, "data": dict.fromkeys(keys, "eA==")}
                for name, keys in ALL_SECRETS.items()
            ]
        }
        self.nodes = named("kind", status={"allocatable": {"cpu": "5900m", "memory": "14Gi"}})

    def ask(self, arguments: Any) -> Any:
        return {"crds": self.crds, "secrets": self.secrets, "nodes": self.nodes}[arguments[1]]

    def lacks(self, overlay: str = "dev") -> list[str]:
        return list(preflight.lacks(read_manifests([HERE / "rendered" / f"{overlay}.yaml"]), self.ask))


def test_the_laptop_that_dev_is_meant_for_has_what_it_needs() -> None:
    assert Cluster().lacks() == []


def test_prod_does_not_fit_on_a_laptop() -> None:
    cpus, memory = Cluster().lacks("prod")
    assert "all nodes have 5.9 to give" in cpus
    assert "GiB, and all nodes have 14.0 to give" in memory


def test_no_operator() -> None:
    cluster = Cluster()
    cluster.crds = named("rayclusters.ray.io")
    assert cluster.lacks() == [
        "There is no rayjobs.ray.io: install KubeRay 1.7.",
        "There is no podmonitors.monitoring.coreos.com: install the Prometheus operator.",
    ]


def test_a_missing_secret_and_a_missing_key() -> None:
    cluster = Cluster()
    cluster.secrets["items"][0]["data"] = {}
    gone = cluster.secrets["items"].pop()["metadata"]["name"]
    first, second = cluster.lacks()
    assert first == "Secret adcraft-ray-token has no key auth_token."
    assert second.startswith(f"There is no Secret {gone} in namespace adcraft: ")


@pytest.mark.parametrize(("text", "value"), [("250m", 0.25), ("2", 2), ("512Mi", 2**29), ("1G", 1e9), (3, 3)])
def test_quantities(text: object, value: float) -> None:
    assert preflight.quantity(text) == value


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "kubectl"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr("sys.argv", ["preflight", "dev"])
    return file


def test_the_command_asks_kubectl(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Cluster()
    for name in ("crds", "secrets", "nodes"):
        script.with_name(name).write_text(json.dumps(getattr(cluster, name)), encoding="utf-8")
    script.write_text(f'#!/bin/sh\nexec cat "{script.parent}/$2"\n', encoding="utf-8")
    script.chmod(0o755)
    assert preflight.main() == 0
    result = json.loads(capsys.readouterr().out)
    asked = f"`dev` asks for\n{result['cpus']:.2f} CPUs and {result['memory_gib']:.2f} GiB, as"
    assert asked in (HERE.parents[1] / "docs" / "kuberay.md").read_text(encoding="utf-8")
    script.with_name("crds").write_text('{"items": []}', encoding="utf-8")
    assert preflight.main() == 10
    assert "The cluster can't run overlay dev:\n  There is no rayclusters.ray.io" in capsys.readouterr().err


def test_a_cluster_that_does_not_answer(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.write_text("#!/bin/sh\necho 'connection refused' >&2\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    assert preflight.main() == 10
    assert "kubectl get crds" in (said := capsys.readouterr().err)
    assert "connection refused" in said


def test_no_kubectl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["preflight", "dev"])
    assert preflight.main() == 10
    assert "kubectl is not installed" in capsys.readouterr().err
