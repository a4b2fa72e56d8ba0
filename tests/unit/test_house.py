"""The house rules: importing does nothing, ``--help`` is instant, rooms keep their doors shut."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ray_jobs.command_line import STAGES

ROOT = Path(__file__).parents[2]
PACKAGES = ("adcraft", "ray_jobs", "tuning", "serve_app", "cluster", "dashboards")
HEAVY = {"ray", "torch", "transformers", "mlflow", "datasets", "pandas", "sklearn", "matplotlib"}
INSTANT = [
    ["-m", "ray_jobs", "--help"],
    *(["-m", "ray_jobs", stage, "--help"] for stage in STAGES),
    ["-m", "ray_jobs", "train", "--dry-run"],
    ["-m", "tuning", "--help"],
    ["-m", "tuning", "sweep", "--help"],
    ["-m", "tuning", "sweep", "--config", "configs/sweep-asha.yaml", "--dry-run"],
    ["-m", "serve_app", "--help"],
    ["-m", "serve_app", "--dry-run"],
    ["-m", "serve_app", "keys", "--help"],
    ["-m", "serve_app", "keys", "create", "--help"],
    ["-m", "serve_app", "capacity", "--help"],
    ["-m", "cluster.local", "--help"],
    ["-m", "cluster.mlflow_server", "--help"],
    ["-m", "cluster.demo", "--help"],
    ["-m", "cluster.smoke", "--help"],
    ["-m", "cluster.passwords", "--help"],
    ["-m", "cluster.observe", "--help"],
    ["-m", "dashboards.build", "--check"],
    ["-m", "dashboards.provision", "--help"],
    ["-m", "cluster.kuberay.check", "--help"],
    ["-m", "cluster.kuberay.render", "--help"],
    ["-m", "cluster.kuberay.release", "--help"],
    ["-m", "cluster.kuberay.preflight", "--help"],
]


def modules() -> list[str]:
    """Every module of the project but the entry points."""
    return [
        found.name
        for package in PACKAGES
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
        if not found.name.endswith("__main__")
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_does_nothing(package: str, tmp_path: Path) -> None:
    """No file or folder made, no thread or connection left, no variable set, by any module."""
    code = """
import importlib, json, os, sys, threading
before = dict(os.environ)
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
ours = ("ADCRAFT", "MLFLOW", "RAY_")
changed = [n for n in os.environ if os.environ[n] != before.get(n) and n.startswith(ours)]
ray = sys.modules.get("ray")
print(json.dumps({"set": changed, "ray": bool(ray and ray.is_initialized())}))
"""
    home = tmp_path / "home"
    home.mkdir()
    names = [name for name in modules() if name.startswith(package)]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(names)],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path / "mpl")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"set": [], "ray": False}
    made = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")}
    assert not {path for path in made if "adcraft" in path or "mlruns" in path or path.endswith(".db")}


@pytest.mark.parametrize("arguments", INSTANT, ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert "adcraft" in loaded
    assert not loaded & HEAVY


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY:((?:.|\\\n)*?)\n\n", makefile, re.MULTILINE)
    assert phony
    targets = set(phony.group(1).replace("\\", " ").split())
    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout
    assert targets == set(re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE))


def test_no_secret_no_machine_path_no_registry_host_is_in_the_repository() -> None:
    """What would break, or leak, on another machine."""
    wrong = re.compile(
        "|".join(["/wor" + "k/(?:main|shared)", "/ro" + "ot/", "pypi" + r"\.org", "download" + r"\.pytorch"])
    )
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout.split("\0")
    found = [
        f"{name}: {match.group()}"
        for name in files
        if name and (ROOT / name).is_file()
        for match in [wrong.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))]
        if match
    ]
    assert not found


def test_constraints_pin_every_dependency() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    names = {re.split(r"[\[<>=]", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    assert not names - {project["name"]} - pinned
