"""What is wanted for a product: where it is published, how it sounds, what it must and must not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.ad_copy.controls import Length
from adcraft.ad_copy.guardrails.check import Wishes
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.terms import banned
from adcraft.ad_copy.placements import Placement
from adcraft.errors import BriefError
from adcraft.workload import Record

PLAIN = "creative"
"""The placement of one text, for any use."""


@dataclass(frozen=True)
class Brief:
    """What is empty is left to the model.

    Attributes:
        placement: by its name.
        variants: of each asset, and at most what the placement takes; 0: as many as that.
        tone: one that the model knows.
        length: among texts of the asset's kind.
        action: whether texts call to action; None: some do.
        audience: whom they speak of.
        language: a tag such as ``en``; texts that read as another are refused.
        required: terms that each text must have.
        banned: terms that none may have.
        seed: another one gives other texts.
    """

    placement: str = PLAIN
    variants: int = 0
    tone: str = ""
    length: Length = ""
    action: bool | None = None
    audience: str = ""
    language: str = ""
    required: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    seed: int = 0

    @property
    def wishes(self) -> Wishes:
        """What every text is checked for beside the rules."""
        return Wishes(self.language, self.banned, self.required)


ONE_CREATIVE = Brief(variants=1)


def check_brief(brief: Brief, record: Record, placement: Placement, tones: Sequence[str]) -> None:
    """Refuse what can't come true for this product.

    Args:
        brief: what is wanted.
        record: the product.
        placement: that the brief names.
        tones: that the model knows.

    Raises:
        BriefError: the model knows no such tone, a banned term is part of the brand, or the required ones
            don't fit.
    """
    if brief.tone and tones and brief.tone.lower() not in tones:
        raise BriefError(f"The tone {brief.tone!r} is not known to this model. Known: {', '.join(tones)}.")
    brand = record.get("brand") or ""
    unwanted = [term for term in brief.banned if brand and any(banned(brand, fold(brand), (term,)))]
    if unwanted:
        raise BriefError(f"The banned term {unwanted[0]!r} is part of the brand {brand!r}. Don't ban it.")
    if required := " ".join(brief.required):
        needed = placement.length(required)
        for name, asset in placement.assets.items():
            if asset.hard and needed > asset.hard and is_written(asset.text):
                raise BriefError(
                    f"The required terms are {needed} characters, and a {name} of {placement.title} has "
                    f"{asset.hard}. Require fewer, or shorter ones."
                )


def is_written(text: str) -> bool:
    """Whether the model writes texts of this kind; paths and brands are the record's own."""
    return text not in {"path", "brand"}
