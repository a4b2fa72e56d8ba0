"""What the documents tell people to type, and the files they point to, exist."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import itertools
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from adcraft.errors import AdcraftError
from adcraft.settings import load_settings
from ray_jobs.command_line import STAGES
from tuning.settings import load_sweep

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"^(?:export )?([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))


def commands() -> Iterator[tuple[str, str]]:
    """(document, command) of each line in a shell block, those of a pipeline by themselves."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for command in re.sub(r"^[A-Z_]+=\$\((.*)\)$", r"\1", line).rstrip("& ").split(" | "):
                    if command.strip():
                        yield document.name, command


def inline() -> Iterator[tuple[str, str]]:
    """(document, command) of each `make ...` and `python -m ...` in running text."""
    for document in DOCUMENTS:
        text = re.sub(
            r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for code in re.findall(r"`([^`\n]+)`", text):
            if re.match(r"(PORT=\d+ )?make [a-z]|python -m ", code):
                yield document.name, code


ALL = sorted({*commands(), *inline()})
COMMANDED = {"ray_jobs": 1, "tuning": 1, "serve_app": 2}
"""How many words of a command, at most, have a help of their own."""


@pytest.mark.parametrize(("document", "command"), ALL, ids=[f"{d}: {c[:60]}" for d, c in ALL])
def test_a_documented_command_exists(document: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    match words:
        case ["make", target, *variables]:
            check_make(target, variables)
        case ["python", "-m", module, "STAGE"]:
            check_module(module, [])
        case ["python", "-m", module, *arguments]:
            check_module(module, arguments)
        case ["ray", "job", "submit", *options]:
            check_module(options[options.index("-m") + 1], options[options.index("-m") + 2 :])
        case ["serve", "deploy", config]:
            assert (ROOT / config).is_file()
        case ["serve", "status"]:
            pass
        case ["mlflow", "server", *options]:
            check_mlflow_server([option for option in options if option.startswith("--")])
        case ["curl", url, *_] | ["xargs", _, _, _, "curl", "-s", url, *_]:
            assert url.startswith("http://127.0.0.1:8000/")
        case [
            "docker" | "helm" | "kind" | "kubectl" | "base64" | "seq" | "grep" | "sort" | "uniq",
            *arguments,
        ]:  # by others; our files are there
            assert all((ROOT / word).exists() for word in arguments if word.startswith("cluster/"))
        case ["export", *assignments]:
            assert all("=" in assignment for assignment in assignments)
        case _:
            pytest.fail(f"{document} shows a command that is not checked here: {command}")


def check_mlflow_server(options: list[str]) -> None:
    program = Path(sys.executable).with_name("mlflow")
    done = subprocess.run(
        [program, "server", "--help"], capture_output=True, text=True, timeout=120, check=True
    )
    assert all(option in done.stdout for option in options)


def check_make(target: str, variables: list[str]) -> None:
    assert target in TARGETS
    assigned = dict(variable.split("=", 1) for variable in variables)
    assert set(assigned) <= VARIABLES
    arguments = shlex.split(assigned.get("ARGS", ""))
    stage = assigned.get("STAGE", target)
    if stage in STAGES:
        check_module("ray_jobs", [stage, *arguments])
    elif target == "sweep":
        check_module("tuning", ["sweep", "--config", "configs/sweep-asha.yaml", *arguments])
    elif target == "serve":
        check_module("serve_app", arguments)
    elif target == "demo":
        check_module("cluster.demo", arguments)


def check_module(module: str, arguments: list[str]) -> None:
    assert importlib.util.find_spec(module)
    words = itertools.takewhile(lambda word: not word.startswith("-"), arguments)
    shown = help_of(module, *itertools.islice(words, COMMANDED.get(module, 0)))
    for flag in (word for word in arguments if word.startswith("--")):
        assert flag in shown
    check_settings(module, arguments)


@functools.cache
def help_of(*command: str) -> str:
    """As ``python -m`` prints it; in this process, since to start dozens would take minutes."""
    module, *rest = command
    arguments, shown = sys.argv, io.StringIO()
    sys.argv = [module, *rest, "--help"]
    try:
        with (
            contextlib.redirect_stdout(shown),
            warnings.catch_warnings(action="ignore"),  # of modules that another one imported before
            pytest.raises(SystemExit) as ended,
        ):
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sys.argv = arguments
    assert not ended.value.code
    return shown.getvalue()


def check_settings(module: str, arguments: list[str]) -> None:
    following = list(pairwise(arguments))
    configs = [ROOT / value for flag, value in following if flag == "--config" and value != "FILE"]
    overrides = [value for flag, value in following if flag == "--set" and "KEY" not in value]
    try:
        if module == "tuning" and configs:
            load_sweep(configs[0], overrides, {})
        elif module != "tuning":
            load_settings(configs[0] if configs else None, overrides, {})
    except AdcraftError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_to_a_file(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} points to {target}"


def test_every_named_exit_code_is_the_right_one() -> None:
    from adcraft import console

    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = set(map(int, re.findall(r"^\| (\d+) \|", operations, re.MULTILINE)))
    assert table == {0, 1, console.INTERRUPTED, *console.EXIT_CODES.values()}
