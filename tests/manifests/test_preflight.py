"""What a cluster lacks is said before anything is applied. kubectl is a script that answers from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cluster.kuberay import preflight
from cluster.kuberay.checks.manifest import read_manifests
from cluster.kuberay.release import image_tag, ray_version
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


def test_many_small_nodes_hold_no_large_pod() -> None:
    cluster = Cluster()
    cluster.nodes = named(*map(str, range(20)), status={"allocatable": {"cpu": "900m", "memory": "14Gi"}})
    assert cluster.lacks() == [
        "One pod asks for 1.0 CPUs, and no node has more than 0.9 to give: take larger nodes."
    ]


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


def answers(script: Path, asked: str = 'exec cat "${0%/*}/$2"') -> None:
    """Have kubectl build the overlay dev as it is checked in, and do that where it is asked for objects."""
    for name, built in (("dev", "dev"), ("jobs", "dev-jobs")):
        text = (HERE / "rendered" / f"{built}.yaml").read_text(encoding="utf-8")
        script.with_name(f"{name}.yaml").write_text(text, encoding="utf-8")
    kustomize = 'exec cat "${0%/*}/${2##*/}.yaml"'
    script.write_text(f"#!/bin/sh\n[ $1 = get ] || {kustomize}\n{asked}\n", encoding="utf-8")
    script.chmod(0o755)


def test_an_image_of_another_ray_is_refused_before_the_cluster_is_asked(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(script, "exit 1")
    file = script.with_name("dev.yaml")
    tag = image_tag("cpu", ray_version())
    file.write_text(
        file.read_text(encoding="utf-8").replace(tag, image_tag("cpu", "2.59.0")), encoding="utf-8"
    )
    assert preflight.main() == 2
    said = capsys.readouterr().err
    assert "Overlay dev must not be applied as it stands:\n  " in said
    assert f"ray2.59.0' is none of {tag}" in said


def test_the_command_asks_kubectl(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Cluster()
    for name in ("crds", "secrets", "nodes"):
        script.with_name(name).write_text(json.dumps(getattr(cluster, name)), encoding="utf-8")
    answers(script)
    assert preflight.main() == 0
    result = json.loads(capsys.readouterr().out)
    asked = f"`dev` asks for\n{result['cpus']:.2f} CPUs and {result['memory_gib']:.2f} GiB, as"
    assert asked in (HERE.parents[1] / "docs" / "kuberay.md").read_text(encoding="utf-8")
    script.with_name("crds").write_text('{"items": []}', encoding="utf-8")
    assert preflight.main() == 10
    assert "The cluster can't run overlay dev:\n  There is no rayclusters.ray.io" in capsys.readouterr().err


def test_a_cluster_that_does_not_answer(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers(script, 'echo "connection refused" >&2; exit 1')
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
