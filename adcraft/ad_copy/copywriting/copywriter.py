"""Copy for many products: the model is asked in batches, its answers are checked, the best are taken."""

from __future__ import annotations

from collections.abc import Sequence

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief, check_brief
from adcraft.ad_copy.copywriting.desk import AssetDesk, Desk
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.placements import Placements
from adcraft.errors import AdcraftError
from adcraft.inference.generator import Generator
from adcraft.workload import Record

_SURPLUS = (1.5, 3.0)
"""Candidates for each text that is wanted, and then for each that is missing."""


class Copywriter:
    """Writes by one model. Blocking, not re-entrant."""

    def __init__(self, generator: Generator, placements: Placements, rules: Rules) -> None:
        """Args:
        generator: of the model.
        placements: that a brief can name.
        rules: that every text keeps to.
        """
        self._generator = generator
        self._placements = placements
        self._rules = rules
        self.tones = tuple(tone.lower() for tone in generator.prompt.values.get("tone", ()))

    def write(self, jobs: Sequence[tuple[Record, Brief]]) -> list[Ad | AdcraftError]:
        """An ad for each product and its brief, in order; where it can't be written, why. One that fails does
        not fail the others.
        """
        desks = [self._desk(record, brief) for record, brief in jobs]
        open_desks = [desk for desk in desks if isinstance(desk, Desk)]
        for surplus in _SURPLUS:
            self._ask([asset for desk in open_desks for asset in desk.written if asset.is_open], surplus)
        return [desk.ad() if isinstance(desk, Desk) else desk for desk in desks]

    def _desk(self, record: Record, brief: Brief) -> Desk | AdcraftError:
        try:
            placement = self._placements.named(brief.placement)
            check_brief(brief, record, placement, self.tones)
        except AdcraftError as error:
            return error
        return Desk(record, brief, placement, self._rules, self._generator.prompt, self.tones)

    def _ask(self, assets: Sequence[AssetDesk], surplus: float) -> None:
        """One batch for those of which one text is wanted, one for the others."""
        asked = [(asset, *asset.ask(surplus)) for asset in assets]
        for variants in sorted({variants for _, _, variants in asked}):
            of_these = [
                (asset, prompt) for asset, prompts, count in asked for prompt in prompts if count == variants
            ]
            written = self._generator.write([prompt for _, prompt in of_these], variants)
            for (asset, _), generation in zip(of_these, written, strict=True):
                asset.add(generation)
