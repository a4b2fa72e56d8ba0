"""``python -m serve_app`` and the ``serve`` commands as a user types them, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from adcraft.registry import Registry
from cluster.local import LocalHead, local_head
from cluster.ports import free_port
from tests.listeners import LOOPBACKS, addresses_listened_on
from tests.processes import is_up
from tests.tiny_model import tiny_home

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
YAML = ROOT / "serve_app" / "serve.local.yaml"
SHOES = {"brand": "Nike", "product_name": "Running Shoes"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_home(tmp_path_factory)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
    return {
        **kept,
        "ADCRAFT_HOME": str(home),
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(ROOT),
    }


def refused(home: Path, *settings: str, tracking: Path | None = None) -> tuple[int, str]:
    """Run the command, which must fail quickly; its exit code and its sentence."""
    overrides = [part for setting in settings for part in ("--set", setting)]
    if tracking:
        overrides += ["--set", f"tracking.uri=sqlite:///{tracking}/mlflow.db"]
    done = subprocess.run(
        [sys.executable, "-m", "serve_app", *overrides],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    line = json.loads(done.stdout.splitlines()[-1])
    assert (line["stage"], line["ok"], line["exit_code"]) == ("serve", False, done.returncode)
    assert "Traceback" not in done.stderr
    assert line["error"] in done.stderr
    return done.returncode, line["error"]


def test_alias_that_does_not_exist(home: Path) -> None:
    code, sentence = refused(home, f"serve.port={free_port()}", "serve.alias=nobody")
    assert code == 7
    assert "no alias 'nobody'" in sentence
    assert "champion" in sentence


def test_bundle_that_was_tampered_with(home: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # of MLflow about itself
        registry = Registry(f"sqlite:///{home}/mlflow.db", "ad_copy")
        weights = (
            registry.download(registry.resolve("champion"), tmp_path / "models") / "engine" / "model.bin"
        )
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    code, sentence = refused(tmp_path, f"serve.port={free_port()}", tracking=home)
    assert code == 8
    assert "engine/model.bin" in sentence
    assert "was changed" in sentence


def test_port_in_use(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, sentence = refused(home, f"serve.port={port}")
    assert code == 10
    assert f"Port {port} on 127.0.0.1 is in use" in sentence


def test_address_that_others_can_reach(home: Path) -> None:
    code, sentence = refused(home, "serve.host=0.0.0.0")
    assert code == 2
    assert "127.0.0.1" in sentence
    assert "python -m serve_app keys create" in sentence


def test_serves_until_interrupted_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "serve_app", "--set", f"serve.port={port}", "--set", "ray.num_cpus=2"]
    ray_folder = Path(tempfile.mkdtemp(dir="/tmp"))  # Unix sockets have short paths
    with (
        (tmp_path / "stderr").open("w+") as stderr,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment(home), "RAY_TMPDIR": str(ray_folder)},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            line = json.loads(process.stdout.readline() or "{}")
            assert line["ok"] is True, (tmp_path / "stderr").read_text()
            assert line["url"] == f"http://127.0.0.1:{port}"
            assert line["model"]["alias"] == "champion"
            answer = httpx.post(f"{line['url']}/predict", json=SHOES, timeout=30, trust_env=False)
            assert answer.json()["creative"] == "Meet Running Shoes by Nike."
            assert answer.json()["model"] == line["model"]
            started = psutil.Process(process.pid).children(recursive=True)
            assert addresses_listened_on([psutil.Process(process.pid), *started]) <= LOOPBACKS
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0, (tmp_path / "stderr").read_text()
        finally:
            process.kill()
    _, left = psutil.wait_procs(started, timeout=10)
    assert not [p.cmdline() for p in left if is_up(p)]
    ray_folder.rmdir()  # it is empty again
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)


@pytest.fixture(scope="module")
def head(home: Path) -> Iterator[LocalHead]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(home).items():
            patch.setenv(name, value)
        with local_head(num_cpus=2) as head:
            yield head


def serve_command(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("serve")), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_serve_build_writes_a_config_that_serve_accepts(home: Path, tmp_path: Path) -> None:
    built = tmp_path / "built.yaml"
    serve_command(environment(home), "build", "serve_app.app:app", "--output-path", str(built))
    tree = yaml.safe_load(built.read_text(encoding="utf-8"))
    ServeDeploySchema.model_validate(tree)
    [application] = tree["applications"]
    assert application["import_path"] == "serve_app.app:app"
    names = {deployment["name"] for deployment in application["deployments"]}
    assert names == {"ingress", "generator", "control"}


def test_serve_deploy_with_the_shipped_yaml(head: LocalHead, home: Path, tmp_path: Path) -> None:
    tree = yaml.safe_load(YAML.read_text(encoding="utf-8"))
    tree["http_options"]["port"] = port = free_port()
    tree["applications"][0]["args"]["serve"]["access_log"] = str(tmp_path / "access.jsonl")
    config = tmp_path / "serve.yaml"
    config.write_text(yaml.safe_dump(tree), encoding="utf-8")
    access = dict(head.environment)
    serve_command(access, "deploy", str(config))
    url, deadline = f"http://127.0.0.1:{port}/predict", time.monotonic() + 150
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.post(url, json=SHOES, timeout=10, trust_env=False)
            if answer.status_code == 200:
                break
        time.sleep(0.2)
    status = serve_command(access, "status")
    assert yaml.safe_load(status)["applications"]["adcraft"]["status"] == "RUNNING", status
    assert answer.json()["creative"] == "Meet Running Shoes by Nike."
    assert answer.json()["model"]["alias"] == "champion"
    assert addresses_listened_on(psutil.Process(head.leash.pid).children(recursive=True)) <= LOOPBACKS
    shuts_when_a_key_is_created(home, url, tmp_path / "access.jsonl")


def shuts_when_a_key_is_created(home: Path, url: str, access_log: Path) -> None:
    def ask(**headers: str) -> httpx.Response:
        return httpx.post(url, json=SHOES, headers=headers, timeout=30, trust_env=False)

    def keys(*arguments: str) -> dict[str, str]:
        command = [sys.executable, "-m", "serve_app", "keys", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=120, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])

    made = keys("create", "--name", "shop")
    try:
        deadline = time.monotonic() + 30
        while (refused := ask()).status_code != 401 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert refused.json()["error"]["code"] == "key_missing"
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert ask(Authorization=f"Bearer {made['key']}").status_code == 200
        keys("revoke", made["id"])
        deadline = time.monotonic() + 30
        while (
            revoked := ask(**{"X-API-Key": made["key"]})
        ).status_code != 401 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert revoked.json()["error"]["code"] == "key_invalid"
    finally:
        (home / "keys.json").unlink()
    lines = [json.loads(line) for line in access_log.read_text().splitlines()]
    assert made["key"][13:] not in access_log.read_text()
    assert {(line["status"], line["key_id"], line["model_version"]) for line in lines} >= {
        (200, made["id"], "1"),
        (401, None, None),
    }
