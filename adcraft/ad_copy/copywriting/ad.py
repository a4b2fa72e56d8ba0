"""What comes of a brief: texts for each asset of a placement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adcraft.ad_copy.copywriting.ranking import Ranked
from adcraft.ad_copy.guardrails.finding import Verdict


@dataclass(frozen=True)
class AdText:
    """One text of an asset.

    Attributes:
        text: as it is published.
        ranked: its score's parts; None of a text that the model has not written.
        safe: it is a template's, since nothing of the model's was left.
        characters: as the platform counts them.
        shown_whole: it keeps to the asset's soft limit.
    """

    text: str
    ranked: Ranked | None
    safe: bool
    characters: int
    shown_whole: bool


@dataclass(frozen=True)
class Refused:
    """A text of the model that can't be published, and why."""

    text: str
    verdict: Verdict


@dataclass(frozen=True)
class AssetCopy:
    """What came of one asset.

    Attributes:
        texts: that are given out, best first.
        refused: some of those that can't be published.
        candidates: how many different texts the model wrote, by the rules that they break; those that break
            none could be published.
    """

    texts: tuple[AdText, ...]
    refused: tuple[Refused, ...]
    candidates: Mapping[frozenset[str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Ad:
    """Copy for one product in one placement.

    Attributes:
        placement: by its name.
        assets: of the placement, in its order.
        roomiest: the one of the longest texts.
    """

    placement: str
    assets: dict[str, AssetCopy]
    roomiest: str
