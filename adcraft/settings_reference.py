"""``configs/reference.yaml`` from the settings themselves: every key, its type, meaning and default.

python -m adcraft.settings_reference > configs/reference.yaml
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from adcraft.settings import Settings

_HEAD = """\
# Every setting with its default; made by 'make reference', and compared with the code by a test.
# A file of yours needs only the keys that differ:  python -m ray_jobs train --config FILE
# One key can be set on the command line:           --set train.max_epochs=3
# Addresses and secrets stand in the environment: ADCRAFT_HOME, MLFLOW_TRACKING_URI, RAY_ADDRESS,
# RAY_AUTH_TOKEN.

"""
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "maxLength": "at most {} characters",
    "pattern": "matching {}",
}


def reference() -> str:
    """The text of the file."""
    schema = Settings.model_json_schema()
    return _HEAD + "\n".join(_section(schema, schema["$defs"], Settings().model_dump(), indent="")) + "\n"


def _section(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], defaults: Mapping[str, Any], indent: str
) -> Iterator[str]:
    for key, field in schema["properties"].items():
        if "$ref" in field:
            section = definitions[field["$ref"].rpartition("/")[2]]
            yield ""
            yield from _comment(section["description"], indent)
            yield f"{indent}{key}:"
            yield from _section(section, definitions, defaults[key], indent + "  ")
        else:
            yield from _comment(_meaning(field), indent)
            yield f"{indent}{key}: {json.dumps(defaults[key], ensure_ascii=False)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"{indent}# {line}".rstrip()


def _meaning(field: Mapping[str, Any]) -> str:
    kind = "one of " + ", ".join(field["enum"]) if "enum" in field else field["type"]
    bounds = [text.format(field[key]) for key, text in _BOUNDS.items() if key in field]
    kind = ", ".join([kind, *bounds])
    return f"({kind}) {field['description']}"


if __name__ == "__main__":
    print(reference(), end="")
