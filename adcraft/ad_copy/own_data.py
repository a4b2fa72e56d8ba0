"""Data files of a shop's own, in the form of those that are shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from adcraft.errors import SettingsError


class Data(BaseModel):
    """Base of what data files hold: unknown keys are refused, types are exact, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Content = TypeVar("Content", bound=Data)


def read_own(file: Path, form: type[Content], what: str) -> Content:
    """Read one.

    Args:
        file: YAML.
        form: of its content.
        what: it holds, in the plural, as the form calls it.

    Raises:
        SettingsError: the file can't be read, or is not of that form.
    """
    try:
        tree: Any = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"The {what} {file} can't be read: {error}.") from error
    if not isinstance(tree, Mapping):
        raise SettingsError(f"The {what} {file} are not a mapping with 'version' and '{what}'.")
    try:
        return form.model_validate(tree)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        key = ".".join(map(str, wrong["loc"]))
        raise SettingsError(
            f"The {what} {file} have a fault at {key}: {wrong['msg']} (given: {wrong['input']!r})."
        ) from None
