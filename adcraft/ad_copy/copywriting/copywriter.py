"""Copy for many products: the model is asked in batches, its answers are checked, the best are taken."""

from __future__ import annotations

from collections.abc import Sequence

from adcraft.ad_copy.copywriting.ad import Ad
from adcraft.ad_copy.copywriting.brief import Brief, check_brief
from adcraft.ad_copy.copywriting.desk import Ask, Desk
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.placements import Placements
from adcraft.errors import AdcraftError
from adcraft.inference.bundle import PromptSettings
from adcraft.inference.generator import Generation, Generator
from adcraft.workload import Record


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
        self.tones = tones_of(generator.prompt)

    def write(self, jobs: Sequence[tuple[Record, Brief]]) -> list[Ad | AdcraftError]:
        """An ad for each product and its brief, in order; where it can't be written, why. One that fails does
        not fail the others.
        """
        desks = [self._opened(record, brief) for record, brief in jobs]
        open_desks = [desk for desk in desks if isinstance(desk, Desk)]
        while asks := [ask for desk in open_desks for ask in desk.asks()]:
            for variants in sorted({ask.variants for ask in asks}):
                self.answer([ask for ask in asks if ask.variants == variants])
        return [desk.ad() if isinstance(desk, Desk) else desk for desk in desks]

    def open(self, record: Record, brief: Brief) -> Desk:
        """A product and its brief, to be worked at.

        Raises:
            AdcraftError: what the brief wants can't be had.
        """
        placement = self._placements.named(brief.placement)
        check_brief(brief, record, placement, self.tones)
        return Desk(record, brief, placement, self._rules, self._generator, self.tones)

    def answer(self, asks: Sequence[Ask]) -> list[Generation]:
        """Write for all of them in one engine batch, and check it. They want equally many variants."""
        written = self._generator.write(
            [ask.prompt for ask in asks], [ask.source for ask in asks], asks[0].variants
        )
        for ask, generation in zip(asks, written, strict=True):
            ask.asset.add(generation)
        return written

    def _opened(self, record: Record, brief: Brief) -> Desk | AdcraftError:
        try:
            return self.open(record, brief)
        except AdcraftError as error:
            return error


def tones_of(prompt: PromptSettings) -> tuple[str, ...]:
    """The tones that a model knows, in lower case."""
    return tuple(tone.lower() for tone in prompt.values.get("tone", ()))
