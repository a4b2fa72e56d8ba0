"""Images, the Compose file and the workflow: linted, no default passwords, open to this machine alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.images.requirements import requirements
from cluster.kuberay.checks.house_images import split
from cluster.kuberay.release import ROOT
from cluster.passwords import COMPOSE_VARIABLES

IMAGES = ROOT / "cluster" / "images"
DOCKERFILES = sorted(IMAGES.glob("Dockerfile.*"))
COMPOSE = ROOT / "cluster" / "compose.yaml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
VARIABLE = re.compile(r"(?<!\$)\$\{?(\w+)([^}]*)\}?")


def lint(program: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def services() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]


def test_hadolint_passes() -> None:
    lint("hadolint", "--config", ROOT / ".hadolint.yaml", *DOCKERFILES)


def test_the_compose_file_is_one() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_workflows_are_workflows() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)


def test_zizmor_finds_nothing() -> None:
    lint("zizmor", "--offline", "--persona", "pedantic", *WORKFLOWS)


def test_actions_are_pinned_by_their_commit() -> None:
    used = re.findall(r"uses: (\S+)", "".join(file.read_text(encoding="utf-8") for file in WORKFLOWS))
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_is_built_in_stages_and_runs_as_nobody_special(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2
    assert all(split(base)[1] not in ("", "latest") for base in bases)
    assert text.count("-c constraints.txt") == 2
    last = text.rpartition("FROM ")[2]
    assert re.findall(r"^USER (\S+)", last, re.MULTILINE) == ["1000:1000"]
    assert "pip install" not in last
    rooms = set(re.findall(r"^COPY (\w+) \1$", last, re.MULTILINE))
    assert rooms == {"adcraft", "tuning", "ray_jobs", "serve_app", "cluster", "configs"}
    assert all((ROOT / room).is_dir() for room in rooms)


def test_what_an_image_copies_is_let_through_by_dockerignore() -> None:
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[:1] == "!"
    }
    for file in DOCKERFILES:
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", file.read_text(encoding="utf-8"), re.MULTILINE):
            for source in line.split():
                assert source.split("/")[0] in kept, source
                assert (ROOT / source).exists(), source


def test_requirements_are_those_of_the_project_and_its_extras() -> None:
    wanted = requirements(ROOT / "pyproject.toml", ["s3"])
    assert any(each.startswith("ray[") for each in wanted)
    assert any(each.startswith("boto3") for each in wanted)
    assert not any(each.startswith(("pytest", "psycopg")) for each in wanted)


def test_compose_has_the_whole_stack_with_limits_and_health() -> None:
    assert set(services()) == {
        "head", "worker", "mlflow", "postgres", "object-store", "redis", "prometheus", "grafana",
    }  # fmt: skip
    for name, service in services().items():
        assert service["mem_limit"], name
        assert service["healthcheck"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert split(service["image"].partition("$")[0] or "adcraft:x")[1] != "latest", name


def test_compose_listens_here_alone() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert len(ports) == 5
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_has_no_password_and_no_default() -> None:
    text = "\n".join(
        line for line in COMPOSE.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    )
    found = {name for name, _ in VARIABLE.findall(text)}
    assert found == {*COMPOSE_VARIABLES, "ADCRAFT_TAG"}
    for name, rest in VARIABLE.findall(text):
        assert rest.startswith(":?"), name
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN$|ACCESS_KEY|REDISCLI_AUTH", name):
                assert str(value).startswith("${"), name


def test_the_images_of_compose_are_those_of_kuberay() -> None:
    rendered = (ROOT / "cluster" / "kuberay" / "rendered" / "dev.yaml").read_text(encoding="utf-8")
    for name in ("postgres", "object-store", "redis"):
        assert f"image: {services()[name]['image']}\n" in rendered
