"""Where ads are published, and what fits there. The data, with its sources, is in ``placements.yaml``."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, model_validator

from adcraft.ad_copy.counting import COUNT, Counting
from adcraft.ad_copy.own_data import Data, read_own
from adcraft.errors import SettingsError

TextKind = Literal["headline", "description", "body", "subject", "path", "brand"]
"""Where an asset's text comes from: the first four are written by the model, a path is made of the
category and the brand is the record's own."""


class Asset(Data):
    """One kind of text of a placement."""

    text: TextKind
    least: int = Field(1, ge=0, description="of them that the platform wants")
    most: int = Field(1, ge=1, description="of them that it takes")
    hard: int = Field(0, ge=0, description="nothing longer is accepted; 0: no such limit")
    soft: int = Field(0, ge=0, description="what is longer is shown cut off; 0: no such limit")
    one_within: int = Field(0, ge=0, description="one of them must fit into so many; 0: no such rule")
    exclamation_marks: int = Field(-1, ge=-1, description="in one text, at most; -1: any")

    @model_validator(mode="after")
    def _fits_together(self) -> Asset:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most {self.most}")
        if self.hard and self.soft > self.hard:
            raise ValueError(f"soft is {self.soft} and hard {self.hard}; what is hard comes last")
        if self.hard and self.one_within > self.hard:
            raise ValueError(f"one_within is {self.one_within} and hard {self.hard}")
        return self


class Placement(Data):
    """One kind of ad of one platform."""

    title: str
    source: str = Field(description="the page that states its limits")
    editorial: str = Field("", description="the page that states its rules of style")
    count: Counting = Field("graphemes", description="what a character is: see counting.py")
    emoji: bool = Field(True, description="whether they are accepted")
    assets: dict[str, Asset] = Field(min_length=1)

    def length(self, text: str) -> int:
        """Characters of ``text`` as this platform counts them."""
        return COUNT[self.count](text)

    def fits(self, asset: str, text: str) -> bool:
        """Whether ``text`` keeps to the hard limit of ``asset``."""
        hard = self.assets[asset].hard
        return not hard or self.length(text) <= hard

    def is_shown_whole(self, asset: str, text: str) -> bool:
        """Whether ``text`` keeps to the soft limit of ``asset``, too."""
        soft = self.assets[asset].soft
        return self.fits(asset, text) and (not soft or self.length(text) <= soft)


class Placements(Data):
    """All placements that a request can name.

    Attributes:
        version: of the data.
    """

    version: str
    placements: dict[str, Placement]

    def named(self, name: str) -> Placement:
        """The placement called ``name``.

        Raises:
            SettingsError: there is none; it lists those that there are.
        """
        try:
            return self.placements[name]
        except KeyError:
            known = ", ".join(sorted(self.placements))
            raise SettingsError(f"The placement {name!r} is not known. Known: {known}.") from None


@functools.cache
def shipped_placements() -> Placements:
    """Those that come with Adcraft."""
    text = (resources.files(__package__) / "placements.yaml").read_text("utf-8")
    return Placements.model_validate(yaml.safe_load(text))


def load_placements(file: Path | None = None) -> Placements:
    """The shipped placements, with those of ``file`` beside them or, under the same name, in their place.

    Raises:
        SettingsError: the file can't be read, or is not of the form of ``placements.yaml``.
    """
    shipped = shipped_placements()
    if file is None:
        return shipped
    own = read_own(file, Placements, "placements")
    both = {**shipped.placements, **own.placements}
    return Placements(version=f"{shipped.version}+{own.version}", placements=both)
