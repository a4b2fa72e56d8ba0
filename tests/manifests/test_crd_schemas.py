"""Schemas from custom resource definitions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import SettingsError
from cluster.kuberay.crd_schemas import SCHEMAS, convert, schemas_of, text_of
from cluster.kuberay.release import ROOT

CRDS = Path(os.environ.get("KUBERAY_CRDS") or ROOT.parent / "shared" / "crds")


def converted(schema: dict[str, Any]) -> dict[str, Any]:
    """Itself, wherever it was put."""
    defs: dict[str, Any] = {}
    made = convert(schema, defs)
    return defs[made["$ref"].rpartition("/")[2]] if "$ref" in made else made


def test_objects_are_closed_and_what_has_a_default_is_not_required() -> None:
    schema = {
        "type": "object",
        "required": ["a", "b"],
        "properties": {
            "a": {"type": "string", "default": "x", "description": "long"},
            "b": {"type": "integer"},
        },
    }
    assert converted(schema) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "additionalProperties": False,
        "required": ["b"],
    }


def test_what_may_be_anything_stays_open() -> None:
    assert converted({"type": "object"}) == {"type": "object"}
    assert converted({"type": "object", "additionalProperties": {"type": "string"}}) == {
        "type": "object",
        "additionalProperties": {"type": "string"},
    }
    part = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "x-kubernetes-preserve-unknown-fields": True,
    }
    assert converted(part)["additionalProperties"] is True
    assert converted({"x-kubernetes-int-or-string": True}) == {"type": ["integer", "string"]}


def test_a_large_part_stands_once() -> None:
    part = {"type": "object", "properties": {f"field{i}": {"type": "string"} for i in range(10)}}
    defs: dict[str, Any] = {}
    whole = convert({"type": "object", "properties": {"head": part, "worker": part}}, defs)
    assert len(defs) == 2
    inner = defs[whole["$ref"].rpartition("/")[2]]["properties"]
    assert inner["head"] == inner["worker"]


def test_a_folder_without_definitions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no ray\.io_"):
        schemas_of(tmp_path)


@pytest.mark.skipif(
    not CRDS.is_dir(), reason=f"KubeRay's definitions are not in {CRDS}; KUBERAY_CRDS names their folder"
)
def test_what_is_checked_in_is_made_of_kuberays_definitions() -> None:
    assert SCHEMAS.read_text(encoding="utf-8") == text_of(schemas_of(CRDS))


def test_the_four_kinds_are_there() -> None:
    kinds = json.loads(SCHEMAS.read_text(encoding="utf-8"))["kinds"]
    assert sorted(kinds) == ["RayCluster", "RayCronJob", "RayJob", "RayService"]
