"""The YAML files of a package, wherever it is installed."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml

# libyaml's parser, where it was compiled in, reads them ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_folder(package: str, name: str) -> dict[str, Any]:
    """Stem -> parsed content of each YAML file of a folder, in the order of their names."""
    files = {file.name: file for file in (resources.files(package) / name).iterdir()}
    names = sorted(file for file in files if file.endswith(".yaml"))
    return {file.removesuffix(".yaml"): _parse(files[file]) for file in names}


def read_file(package: str, name: str) -> Any:
    """The parsed content of one YAML file."""
    return _parse(resources.files(package) / name)


def _parse(file: Traversable) -> Any:
    return yaml.load(file.read_text("utf-8"), _LOADER)  # noqa: S506 - both loaders are safe ones
