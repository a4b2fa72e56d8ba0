"""Each broken manifest is refused by the layer that should, by no other, and with a sentence that helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.kuberay.check import check, main
from cluster.kuberay.checks.cron import fault_of_schedule
from cluster.kuberay.checks.manifest import Manifest, read_manifests

HERE = Path(__file__).parent
GOOD = sorted((HERE / "good").glob("*.yaml"))
BROKEN = sorted((HERE / "broken").glob("*.yaml"))


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_good_manifest_passes(file: Path) -> None:
    assert [str(finding) for _, finding in check(read_manifests([file]))] == []


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_manifest_is_refused_by_its_layer(file: Path) -> None:
    """Its name begins with the layer; its first line has what the layer says."""
    layer, says = re.fullmatch(r"# (\w+): (.+)", file.read_text(encoding="utf-8").splitlines()[0]).groups()  # type: ignore[union-attr]
    assert file.name.startswith(f"{layer}.")
    found = [finding for _, finding in check(read_manifests([file]))]
    assert [finding.layer for finding in found] == [layer], [str(finding) for finding in found]
    assert says in found[0].what
    assert found[0].where
    assert re.match(r"[A-Z].{3,}[^.]$", found[0].todo)


def test_each_layer_has_its_broken_manifests() -> None:
    layers = [file.name.split(".")[0] for file in BROKEN]
    assert len(BROKEN) >= 20
    assert {
        layer: layers.count(layer) >= 4 for layer in ("crd", "core", "operator", "house")
    } == dict.fromkeys(("crd", "core", "operator", "house"), True)


def test_the_command_says_what_is_wrong_where_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    file = HERE / "broken" / "crd.misspelt-field.yaml"
    assert main([str(file)]) == 2
    shown = capsys.readouterr()
    assert f"RayCluster jobs in {file}" in shown.out
    assert (
        "[crd] spec.workerGroupSpecs[0]: there is no field 'maxReplica'. Did you mean maxReplicas."
        in shown.out
    )
    assert "1 faults in 1 objects" in shown.err


def test_the_command_passes_what_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(HERE / "good")]) == 0
    assert f'"objects": {len(read_manifests([HERE / "good"]))}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [("a: [1", "can't be read as YAML"), ("- a\n", "holds list"), ("", "no Kubernetes object")],
)
def test_a_file_of_something_else_is_refused(
    content: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(content, encoding="utf-8")
    assert main([str(file)]) == 2
    assert says in capsys.readouterr().err


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere.yaml")]) == 2
    assert "nowhere.yaml can't be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "tree", [{}, {"kind": "RayCluster", "apiVersion": "ray.io/v1"}, {"spec": []}, {"kind": []}]
)
def test_what_has_no_shape_is_refused_and_not_stumbled_over(tree: dict) -> None:
    assert check([Manifest(Path("x.yaml"), tree)])


@pytest.mark.parametrize(
    "schedule", ["0 3 * * *", "*/5 0-6,22 1 jan-mar mon", "@daily", "@every 1h30m", "0 0 ? * 0"]
)
def test_a_schedule(schedule: str) -> None:
    assert fault_of_schedule(schedule) == ""


@pytest.mark.parametrize(
    "schedule", ["", "0 3 * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "@often"]
)
def test_no_schedule(schedule: str) -> None:
    assert fault_of_schedule(schedule)
