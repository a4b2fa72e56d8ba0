"""Ad copy as a workload."""

from __future__ import annotations

import ast
from pathlib import Path

from adcraft.ad_copy.workload import WORKLOAD

ROOT = Path(__file__).parents[3]


def imported(module: str) -> set[str]:
    """Modules of ad copy that ``module`` imports, itself, and all that these import."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    ours = {name for name in names if name.startswith("adcraft.ad_copy.")}
    return {module}.union(*map(imported, ours))


def test_the_code_that_decides_examples_is_all_named() -> None:
    """Else a change of it would leave encoded datasets as they are."""
    makers = {WORKLOAD.prompt.__module__, WORKLOAD.examples.__module__}
    needed = set[str]().union(*map(imported, makers))
    packages = tuple(f"{name}." for name in WORKLOAD.code)
    assert {name for name in needed if not name.startswith(packages)} <= set(WORKLOAD.code)
    assert all(name in needed or any(one.startswith(f"{name}.") for one in needed) for name in WORKLOAD.code)
