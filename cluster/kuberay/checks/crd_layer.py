"""First layer: custom resources against the schemas of their definitions, with closed objects."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cluster.kuberay.checks.manifest import Finding, Manifest

_SCHEMAS = Path(__file__).with_name("schemas")
_GROUPS = {"ray.io": "ray.io_v1.json", "monitoring.coreos.com": "monitoring.coreos.com_v1.json"}
_VERSION = "v1"


def is_custom(manifest: Manifest) -> bool:
    """Whether it is of a group that Kubernetes itself does not have: those end in a domain of somebody's."""
    group = manifest.version.partition("/")[0] if "/" in manifest.version else ""
    return "." in group and not group.endswith(".k8s.io")


def check_crd(manifest: Manifest) -> Iterator[Finding]:
    """What the schema of its definition refuses, and custom resources that there is no schema for."""
    if not is_custom(manifest):
        return
    group, _, version = manifest.version.partition("/")
    if group not in _GROUPS or version != _VERSION:
        known = ", ".join(f"{name}/{_VERSION}" for name in _GROUPS)
        todo = f"Use one of {known}, or put its schema into cluster/kuberay/checks/schemas"
        yield Finding("crd", "apiVersion", f"there is no schema of {manifest.version!r} here", todo)
        return
    schemas = _read(_GROUPS[group])
    if manifest.kind not in schemas["kinds"]:
        todo = f"Known are {', '.join(sorted(schemas['kinds']))}"
        yield Finding("crd", "kind", f"{manifest.version} has no {manifest.kind!r}", todo)
        return
    validator = _validator(_GROUPS[group], manifest.kind)
    for error in sorted(
        validator.iter_errors(manifest.tree), key=lambda each: list(map(str, each.absolute_path))
    ):
        yield from _findings(error)


def _findings(error: Any) -> Iterator[Finding]:
    where = path_of(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(error.schema.get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            near = difflib.get_close_matches(key, known, n=1)
            todo = f"Did you mean {near[0]}" if near else f"Known are {', '.join(known)}"
            yield Finding("crd", where, f"there is no field {key!r}", todo)
    elif error.validator == "required":
        yield Finding("crd", where, error.message, "Add it")
    else:
        yield Finding(
            "crd", where, error.message, f"The schema wants {error.validator} {error.validator_value}"
        )


def path_of(keys: Sequence[str | int]) -> str:
    """``spec.containers[0]`` of the keys and indices to a field."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.lstrip(".") or "the whole"


@functools.cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_SCHEMAS / name).read_text(encoding="utf-8"))
    return content


@functools.cache
def _validator(name: str, kind: str) -> Any:
    from jsonschema import Draft202012Validator

    schemas = _read(name)
    return Draft202012Validator({**schemas["kinds"][kind], "$defs": schemas["$defs"]})
