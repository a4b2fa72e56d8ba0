"""Files that the platforms' own tools import. The formats, with their sources, are in ``uploads.yaml``."""

from __future__ import annotations

import functools
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, field_validator

from adcraft.ad_copy.filling import names_in
from adcraft.ad_copy.own_data import Data, read_own
from adcraft.errors import SettingsError

Row = dict[str, str]
"""Column to template."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""Of a format; it becomes part of a file's name."""


class UploadFormat(Data):
    """What one tool imports: delimited text with a header."""

    title: str
    sources: list[str] = Field(min_length=1, description="pages that say what the tool takes")
    checked: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="day on which they were read")
    placement: str = Field(description="the one that its ads are written for")
    encoding: Literal["utf-8", "utf-8-sig", "utf-16"] = Field(
        description="utf-8-sig and utf-16 begin with a byte order mark"
    )
    delimiter: Literal["comma", "tab"]
    campaign_chars: int = Field(ge=1, description="a longer name of a campaign is cut")
    ad_group_chars: int = Field(ge=1, description="likewise")
    label: str = Field("", description="that marks an ad with texts of a template")
    reserved: list[str] = Field([], description="cells that the tool reads as a command")
    first: list[Row] = Field([], description="rows above all ads")
    rows: list[Row] = Field(min_length=1, description="rows of each ad")

    @field_validator("first", "rows")
    @classmethod
    def _well_formed(cls, rows: list[Row]) -> list[Row]:
        for row in rows:
            for template in row.values():
                names_in(template)
        return rows

    @property
    def columns(self) -> tuple[str, ...]:
        """In the order in which the rows name them."""
        return tuple(dict.fromkeys(column for row in (*self.rows, *self.first) for column in row))

    def check(self, name: str, placement: str, known: Collection[str]) -> None:
        """Refuse what does not go with a placement.

        Args:
            name: of this format.
            placement: that ads are written for, by its name.
            known: the values that an ad of it has.

        Raises:
            SettingsError: it is another placement, or a template has a name that no value has.
        """
        if placement != self.placement:
            raise SettingsError(
                f"generate.upload = {name!r} takes ads of the placement {self.placement!r}, and "
                f"generate.placement is {placement!r}. Set generate.placement={self.placement}."
            )
        for rows, allowed in ((self.first, frozenset[str]()), (self.rows, known)):
            for column, template in (cell for row in rows for cell in row.items()):
                for unknown in (each for each in names_in(template) if each not in allowed):
                    raise SettingsError(
                        f"The upload format {name!r} has {{{unknown}}} in column {column!r}. Known there: "
                        f"{', '.join(sorted(allowed)) or 'nothing, since it stands above all ads'}."
                    )


class Uploads(Data):
    """All formats that can be asked for.

    Attributes:
        version: of the data.
    """

    version: str
    uploads: dict[Name, UploadFormat]

    def named(self, name: str) -> UploadFormat:
        """The format called ``name``.

        Raises:
            SettingsError: there is none; it lists those that there are.
        """
        try:
            return self.uploads[name]
        except KeyError:
            known = ", ".join(sorted(self.uploads))
            raise SettingsError(f"The upload format {name!r} is not known. Known: {known}.") from None


@functools.cache
def shipped_uploads() -> Uploads:
    """Those that come with Adcraft."""
    text = (resources.files(__package__) / "uploads.yaml").read_text("utf-8")
    return Uploads.model_validate(yaml.safe_load(text))


def load_uploads(file: Path | None = None) -> Uploads:
    """The shipped formats, with those of ``file`` beside them or, under the same name, in their place.

    Raises:
        SettingsError: the file can't be read, or is not of the form of ``uploads.yaml``.
    """
    shipped = shipped_uploads()
    if file is None:
        return shipped
    own = read_own(file, Uploads, "uploads")
    return Uploads(version=f"{shipped.version}+{own.version}", uploads={**shipped.uploads, **own.uploads})
