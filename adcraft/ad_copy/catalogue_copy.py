"""Ads as rows of a catalogue's output: a column for each text of each asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import ONE_CREATIVE, PLAIN, Brief
from adcraft.ad_copy.copywriting.copywriter import Copywriter
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import Placements, load_placements
from adcraft.catalogue.form import ERROR, Write
from adcraft.errors import AdcraftError
from adcraft.inference.bundle import Bundle
from adcraft.inference.generator import Generator
from adcraft.settings import GenerateSettings
from adcraft.workload import Record

SAFE = "safe"
"""The column that names the others whose text is a template's."""


@dataclass(frozen=True)
class AdForm:
    """One brief for all products.

    Attributes:
        brief: what is wanted.
        placements: that it can name.
    """

    brief: Brief
    placements: Placements

    @classmethod
    def of(cls, settings: GenerateSettings) -> AdForm:
        """As the settings say.

        Raises:
            SettingsError: there is no such placement, or the file of placements is wrong.
        """
        placements = load_placements(Path(settings.placements) if settings.placements else None)
        placements.named(settings.placement)
        one = ONE_CREATIVE.variants if settings.placement == PLAIN else 0
        brief = Brief(
            placement=settings.placement,
            variants=settings.variants or one,
            tone=settings.tone,
            length=settings.length,
            action={"yes": True, "no": False, "": None}[settings.call_to_action],
            audience=settings.audience,
            language=settings.language,
            required=tuple(settings.required),
            banned=tuple(settings.banned),
            seed=settings.seed,
        )
        return cls(brief, placements)

    @property
    def columns(self) -> tuple[str, ...]:
        """``headline_1``, ``headline_2`` and so on; the first ``creative`` is called just so."""
        assets = self.placements.named(self.brief.placement).assets
        counts = {name: min(self.brief.variants or asset.most, asset.most) for name, asset in assets.items()}
        names = [_column(name, number) for name, count in counts.items() for number in range(1, count + 1)]
        return (*names, SAFE)

    @property
    def key(self) -> Mapping[str, Any]:
        """The brief and its placement."""
        placement = self.placements.named(self.brief.placement)
        return {**asdict(self.brief), "placement": placement.model_dump(mode="json")}

    def open(self, bundle: Bundle, compute_type: str) -> Write:
        """Load the model; see :meth:`adcraft.catalogue.form.Form.open`."""
        generator = Generator.load(bundle, compute_type=compute_type)
        copywriter = Copywriter(generator, self.placements, shipped_rules())

        def write(records: Sequence[Record]) -> list[Mapping[str, str]]:
            return [_row(ad) for ad in copywriter.write([(record, self.brief) for record in records])]

        return write


def _row(ad: Ad | AdcraftError) -> Mapping[str, str]:
    if isinstance(ad, AdcraftError):
        return {ERROR: str(ad)}
    texts = {
        _column(name, number): text
        for name, copy in ad.assets.items()
        for number, text in enumerate(copy.texts, 1)
    }
    if not texts:
        return {ERROR: "no text: nothing that can be published came of this product"}
    safe = " ".join(column for column, text in texts.items() if text.safe)
    return {column: text.text for column, text in texts.items()} | ({SAFE: safe} if safe else {})


def _column(asset: str, number: int) -> str:
    return PLAIN if (asset, number) == (PLAIN, 1) else f"{asset}_{number}"
