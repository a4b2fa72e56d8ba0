"""What is checked in is what is rendered, passes all layers, has one version, runs what runs elsewhere."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from adcraft.errors import ClusterError, SettingsError
from cluster.ingress_proxy import haproxy_variables
from cluster.kuberay import render
from cluster.kuberay.check import check
from cluster.kuberay.checks.manifest import Manifest, clusters, jobs, pods, read_manifests
from cluster.kuberay.dashboard_maps import dashboard_maps, prometheus_rule
from cluster.kuberay.entry_points import entry_points
from cluster.kuberay.release import DEVICES, ROOT, image_tag, ray_version
from cluster.kuberay.stamp import SERVE_CONFIG
from cluster.session import ENVIRONMENT
from serve_app.args import ServeArgs
from serve_app.keys.exposure import here_alone, key_needed

RENDERED = render.HERE / "rendered"
FILES = [f"{overlay}{part}" for overlay in render.OVERLAYS for part in ("", "-jobs")]
needs_kubectl = pytest.mark.skipif(
    not shutil.which("kubectl"), reason="kubectl, which builds overlays, is not installed"
)


def rendered(name: str) -> list[Manifest]:
    return read_manifests([RENDERED / f"{name}.yaml"])


def one(name: str, kind: str) -> Manifest:
    [found] = [each for each in rendered(name) if each.kind == kind]
    return found


def test_what_is_generated_is_checked_in() -> None:
    files = render.generated()
    assert [
        name for name, text in files.items() if (render.HERE / name).read_text(encoding="utf-8") != text
    ] == []
    folders = [render.HERE / "generated", render.HERE / "base" / "generated"]
    kept = {file.relative_to(render.HERE).as_posix() for folder in folders for file in folder.rglob("*.yaml")}
    assert kept == set(files), "make manifests"


@needs_kubectl
@pytest.mark.parametrize("overlay", render.OVERLAYS)
def test_what_kubectl_builds_is_checked_in(overlay: str) -> None:
    for name, text in render.built(overlay).items():
        assert text == (render.HERE / name).read_text(encoding="utf-8"), "make manifests"


@needs_kubectl
def test_an_overlay_that_can_not_be_built_is_explained(tmp_path: Path) -> None:
    (tmp_path / "overlays" / "dev").mkdir(parents=True)
    with pytest.raises(ClusterError, match="kubectl kustomize overlays/dev: "):
        render.built("dev", tmp_path)


def test_without_kubectl_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ClusterError, match="kubectl is not installed"):
        render.built("dev")


@pytest.mark.parametrize("name", FILES)
def test_all_layers_pass(name: str) -> None:
    assert [f"{manifest}: {finding}" for manifest, finding in check(rendered(name))] == []


def test_every_overlay_has_every_part() -> None:
    for overlay in render.OVERLAYS:
        kinds = {each.kind for each in rendered(overlay)}
        assert kinds == {
            "Namespace", "ConfigMap", "PersistentVolumeClaim", "Service", "Deployment", "StatefulSet",
            "RayCluster", "RayService", "RayCronJob", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor",
            "PrometheusRule",
        }  # fmt: skip
        assert {each.name for each in rendered(f"{overlay}-jobs")} == {
            f"adcraft-{job}" for job in ("prepare", "train", "sweep", "generate")
        }


@pytest.mark.parametrize(("overlay", "device"), [("dev", "cpu"), ("prod", "cpu"), ("gpu", "gpu")])
def test_one_ray_version_and_one_image_tag(overlay: str, device: Any) -> None:
    found = [*rendered(overlay), *rendered(f"{overlay}-jobs")]
    assert {cluster["rayVersion"] for each in found for _, cluster in clusters(each)} == {ray_version()}
    images = {
        container["image"]
        for each in found
        for pod in pods(each)
        for _, container in pod.containers(init=True)
    }
    ours = {image for image in images if image.partition(":")[0].endswith("adcraft")}
    assert {image.rpartition(":")[2] for image in ours} == {image_tag(device, ray_version())}
    assert len(images - ours) == 3


def test_another_ray_in_the_constraints_is_another_stamp(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("a==1\nray==2.61.0\nray-haproxy==3\n", encoding="utf-8")
    assert ray_version(constraints) == "2.61.0"
    assert image_tag("gpu", "2.61.0").endswith("-ray2.61.0-gpu")
    constraints.write_text("a==1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="has no line 'ray==VERSION'"):
        ray_version(constraints)


@pytest.mark.parametrize(("overlay", "device"), [("dev", "cpu"), ("prod", "cpu"), ("gpu", "gpu")])
def test_jobs_run_the_entry_points(overlay: str, device: Any) -> None:
    found = [*rendered(f"{overlay}-jobs"), one(overlay, "RayCronJob")]
    commands = {
        each.name.removeprefix("adcraft-"): job["entrypoint"] for each in found for _, job in jobs(each)
    }
    assert commands == entry_points(device)


@pytest.mark.parametrize("device", DEVICES)
def test_entry_points_are_what_the_command_lines_take(device: Any) -> None:
    """As Ray does: by a shell, in the project's folder."""
    tried = " && ".join(f"{command} --dry-run" for command in entry_points(device).values())
    python = shlex.quote(sys.executable)
    done = subprocess.run(
        ["sh", "-euc", tried.replace("python -m", f"{python} -m")],
        cwd=ROOT,
        env={**os.environ, "ADCRAFT_FEED": "/feeds/our products.csv"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"source": "/feeds/our products.csv"') == 3
    assert done.stdout.count('"num_workers": 2') == 2
    assert done.stdout.count(f'"use_gpu": {str(device == "gpu").lower()}') >= 3


def test_the_serve_configuration_is_the_file_itself() -> None:
    text = SERVE_CONFIG.read_text(encoding="utf-8")
    for overlay in render.OVERLAYS:
        assert one(overlay, "RayService").spec["serveConfigV2"] == text


def test_the_serve_configuration_builds_and_needs_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.serve.schema import ServeDeploySchema

    from serve_app.app import build_app

    monkeypatch.setenv("ADCRAFT_HOME", str(tmp_path))
    tree = yaml.safe_load(SERVE_CONFIG.read_text(encoding="utf-8"))
    ServeDeploySchema.model_validate(tree)
    [application] = tree["applications"]
    assert application["import_path"] == "serve_app.app:build_app"
    args = ServeArgs.model_validate(application["args"])
    build_app(args)
    host = tree["http_options"]["host"]
    assert not here_alone(host)
    assert key_needed(args, host)


def test_the_file_of_keys_is_where_the_secret_is_mounted() -> None:
    tree = yaml.safe_load(SERVE_CONFIG.read_text(encoding="utf-8"))
    keys = tree["applications"][0]["args"]["serve"]["keys"].replace("~", "/home/adcraft")
    for pod in pods(one("prod", "RayService")):
        [(_, container)] = pod.containers()
        [mount] = [each for each in container["volumeMounts"] if each["name"] == "api-keys"]
        [volume] = [each for each in pod.spec["volumes"] if each["name"] == "api-keys"]
        assert f"{mount['mountPath']}/keys.json" == keys
        assert volume["secret"]["secretName"] == "adcraft-api-keys"


def test_pods_have_the_environment_of_a_ray_that_is_started_here() -> None:
    maps = {each.name: each.tree["data"] for each in rendered("dev") if each.kind == "ConfigMap"}
    assert maps["adcraft-environment"].items() >= ENVIRONMENT.items()
    assert "RAY_AUTH_TOKEN" not in json.dumps(maps)
    launcher, folder = Path("/opt/adcraft/bin/haproxy"), Path("/tmp/haproxy")
    assert maps["adcraft-serve-environment"] == haproxy_variables(launcher, folder, 8500)
    for device in DEVICES:
        dockerfile = (ROOT / "cluster" / "images" / f"Dockerfile.{device}").read_text(encoding="utf-8")
        assert str(launcher) in dockerfile
        assert str(folder) in dockerfile


def test_a_gpu_for_each_worker_of_the_gpu_overlay_alone() -> None:
    for overlay in render.OVERLAYS:
        for kind in ("RayCluster", "RayService"):
            for pod in pods(one(overlay, kind)):
                [(_, container)] = pod.containers()
                wanted = overlay == "gpu" and pod.role == "worker"
                assert ("nvidia.com/gpu" in container["resources"]["limits"]) is wanted


def test_a_training_finds_its_workers_places_when_it_starts() -> None:
    """A job counts the nodes that are there; two workers and the data tasks beside them must fit."""
    for overlay in render.OVERLAYS:
        [group] = one(overlay, "RayCluster").spec["workerGroupSpecs"]
        [container] = group["template"]["spec"]["containers"]
        assert group["minReplicas"] * int(container["resources"]["limits"]["cpu"]) >= 3


def test_dashboards_become_config_maps(tmp_path: Path) -> None:
    (tmp_path / "Our_Service.json").write_text('{"title": "Service"}\n', encoding="utf-8")
    [(name, tree)] = dashboard_maps(tmp_path).items()
    assert name == "configmap.dashboard-Our_Service.yaml"
    assert tree["metadata"] == {"name": "adcraft-dashboard-our-service", "labels": {"grafana_dashboard": "1"}}
    assert tree["data"] == {"Our_Service.json": '{"title": "Service"}\n'}
    assert dashboard_maps(tmp_path / "nowhere") == {}


def test_a_difference_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    other = {**render.generated(), "base/generated/new.yaml": "a: 1\n"}
    monkeypatch.setattr(render, "generated", lambda: other)
    monkeypatch.setattr("sys.argv", ["render", "--check"])
    assert render.main() == 2
    assert "Not as 'make manifests' makes it: base/generated/new.yaml." in capsys.readouterr().err


def test_rules_become_a_prometheus_rule(tmp_path: Path) -> None:
    [rule] = [each.tree for each in rendered("dev") if each.kind == "PrometheusRule"]
    names = {each.get("alert") for group in rule["spec"]["groups"] for each in group["rules"]}
    assert {"AdcraftSwapFailed", "AdcraftNotScraped"} <= names
    assert prometheus_rule(tmp_path / "nowhere.yaml") == {}
