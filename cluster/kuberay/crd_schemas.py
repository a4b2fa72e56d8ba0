"""KubeRay's custom resource definitions as JSON Schema, small enough to keep in the repository.

    python -m cluster.kuberay.crd_schemas FOLDER

reads ``ray.io_*.yaml`` of a KubeRay release (``helm pull kuberay/kuberay-operator --untar``; they lie in
``crds/``) and rewrites ``checks/schemas/ray.io_v1.json``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from adcraft import console
from adcraft.errors import SettingsError

SCHEMAS = Path(__file__).with_name("checks") / "schemas" / "ray.io_v1.json"
_VERSION = "v1"
_INLINE_CHARS = 120


def convert(schema: Mapping[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """An ``openAPIV3Schema`` as JSON Schema: objects are closed, and what has a default is not required.

    Args:
        schema: of a field, or of the whole resource.
        defs: gets each larger part once, since a pod's template stands in many places.
    """
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {
        key: schema[key]
        for key in ("type", "enum", "format", "pattern", "minimum", "maximum", "minLength", "maxLength",
                    "minItems", "maxItems")
        if key in schema
    }  # fmt: skip
    if "items" in schema:
        kept["items"] = convert(schema["items"], defs)
    properties: Mapping[str, Any] = schema.get("properties", {})
    if properties:
        kept["properties"] = {name: convert(value, defs) for name, value in properties.items()}
        kept["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    elif isinstance(schema.get("additionalProperties"), Mapping):
        kept["additionalProperties"] = convert(schema["additionalProperties"], defs)
    required = [name for name in schema.get("required", []) if "default" not in properties.get(name, {})]
    if required:
        kept["required"] = required
    return _shared(kept, defs)


def _shared(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(schema, sort_keys=True)
    if len(text) <= _INLINE_CHARS:
        return schema
    name = hashlib.sha256(text.encode()).hexdigest()[:10]
    defs[name] = schema
    return {"$ref": f"#/$defs/{name}"}


def schemas_of(folder: Path) -> dict[str, Any]:
    """``kinds`` by name, and the ``$defs`` that they share.

    Raises:
        SettingsError: there is no such definition in the folder.
    """
    files = sorted(folder.glob("ray.io_*.yaml"))
    if not files:
        raise SettingsError(
            f"There is no ray.io_*.yaml in {folder}. Give the folder crds/ of KubeRay's chart."
        )
    defs: dict[str, Any] = {}
    kinds: dict[str, Any] = {}
    for file in files:
        spec = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["spec"]
        version = next(each for each in spec["versions"] if each["name"] == _VERSION)
        kinds[spec["names"]["kind"]] = convert(version["schema"]["openAPIV3Schema"], defs)
    return {"kinds": kinds, "$defs": defs}


def text_of(schemas: Mapping[str, Any]) -> str:
    """As it is kept: a line for each part, so that a newer release shows what it changed."""
    lines = [
        f'  "{name}": {json.dumps(part, sort_keys=True)}' for name, part in sorted(schemas["$defs"].items())
    ]
    kinds = json.dumps(schemas["kinds"], sort_keys=True)
    return f'{{"kinds": {kinds},\n"$defs": {{\n' + ",\n".join(lines) + "\n}}\n"


def main() -> int:
    """Rewrite the schemas."""
    parser = console.Parser(prog="python -m cluster.kuberay.crd_schemas", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with ray.io_*.yaml")
    parsed = parser.parse_args()
    return console.run("cluster.kuberay.crd_schemas", "crd_schemas", False, lambda: _rewrite(parsed.folder))


def _rewrite(folder: Path) -> dict[str, Any]:
    schemas = schemas_of(folder)
    SCHEMAS.write_text(text_of(schemas), encoding="utf-8")
    return {"path": str(SCHEMAS), "kinds": sorted(schemas["kinds"])}


if __name__ == "__main__":
    sys.exit(main())
