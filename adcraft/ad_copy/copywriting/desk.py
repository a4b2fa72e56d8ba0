"""One product and its brief at work: what came for each asset so far, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from adcraft.ad_copy.controls import tone_of
from adcraft.ad_copy.copywriting.ad import Ad, AdText, AssetCopy, Refused
from adcraft.ad_copy.copywriting.brief import Brief, is_written
from adcraft.ad_copy.copywriting.proposals import VARIANTS, Proposals
from adcraft.ad_copy.copywriting.ranking import Ranked, rank
from adcraft.ad_copy.copywriting.safe_copy import brands, paths, safe_texts
from adcraft.ad_copy.copywriting.selection import Candidate, select
from adcraft.ad_copy.guardrails.check import check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Verdict
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.placements import Placement
from adcraft.inference.bundle import PromptSettings
from adcraft.inference.generator import Generation
from adcraft.workload import Prompt, Record

_REFUSED_SHOWN = 10
_BY_ROOM = ("body", "description", "subject", "headline", "path", "brand")


class AssetDesk:
    """One asset that the model writes: what is wanted of it, and what came so far."""

    def __init__(
        self,
        name: str,
        record: Record,
        brief: Brief,
        placement: Placement,
        facts: Facts,
        rules: Rules,
        proposals: Proposals | None,
    ) -> None:
        """Args:
        name: of the asset.
        record: the product.
        brief: what is wanted.
        placement: where it is published.
        facts: of the record.
        rules: that every text keeps to.
        proposals: what the model can be asked; None: it has not learnt to write such a text.
        """
        most = placement.assets[name].most
        self.wanted = min(brief.variants, most) if brief.variants else most
        self._proposals = proposals
        self._name, self._record, self._brief = name, record, brief
        self._placement, self._facts, self._rules = placement, facts, rules
        self._candidates: list[Candidate] = []
        self._refused: list[Refused] = []
        self._seen: set[str] = set()
        self._asked = False

    @property
    def is_open(self) -> bool:
        """Whether texts are missing that the model can write."""
        return self._proposals is not None and self.missing > 0

    @property
    def missing(self) -> int:
        """Texts that are still wanted."""
        return self.wanted - len(select(self._candidates, self.wanted))

    def ask(self, surplus: float) -> tuple[Sequence[Prompt], int]:
        """The next prompts, and how many texts to write for each.

        Args:
            surplus: texts to ask for, for each that is missing.
        """
        if self._proposals is None:
            return (), 1
        if self.wanted == 1 and not self._asked:
            return self._proposals.take(1), 1
        return self._proposals.take(math.ceil(surplus * self.missing / VARIANTS) + 1), VARIANTS

    def add(self, generation: Generation) -> None:
        """Check what the model wrote for one prompt, and keep it."""
        self._asked = True
        for text, score in zip(generation.texts, generation.scores, strict=True):
            polished = self._polished(text)
            if polished.casefold() in self._seen:
                continue
            self._seen.add(polished.casefold())
            verdict = self._check(polished)
            if verdict.passed:
                ranked = rank(polished, score, self._facts, self._placement, self._name)
                self._candidates.append(Candidate(polished, ranked))
            elif polished:
                self._refused.append(Refused(polished, verdict))

    def copy(self) -> AssetCopy:
        """The best, and safe texts in the place of those that are missing."""
        chosen = select(self._candidates, self.wanted)
        texts = [_ad_text(one.text, self._placement, self._name, one.ranked) for one in chosen]
        taken = {one.text.casefold() for one in chosen}
        for text in safe_texts(self._record, self._placement, self._name, self._brief.language):
            if len(texts) == self.wanted:
                break
            if text.casefold() not in taken and self._check(text).passed:
                taken.add(text.casefold())
                texts.append(_ad_text(text, self._placement, self._name, safe=True))
        return AssetCopy(tuple(texts), tuple(self._refused[:_REFUSED_SHOWN]))

    def _check(self, text: str) -> Verdict:
        return check(text, self._facts, self._rules, self._placement, self._name, self._brief.wishes)

    def _polished(self, text: str) -> str:
        """With a capital at its beginning, unless the record begins the word without one, and where it is a
        headline or a subject without a full stop.
        """
        kind = self._placement.assets[self._name].text
        if kind in {"headline", "subject"} and text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        first = text.split(maxsplit=1)[:1]
        own = bool(first) and first[0] in self._facts.written
        return text if own else text[:1].upper() + text[1:]


class Desk:
    """One product and its brief at work."""

    def __init__(
        self,
        record: Record,
        brief: Brief,
        placement: Placement,
        rules: Rules,
        prompt: PromptSettings,
        tones: Sequence[str],
    ) -> None:
        self._record, self._brief, self._placement = record, brief, placement
        facts = Facts.of(_with_required(record, brief), rules)
        if not brief.tone and tone_of(record) in tones:
            brief = replace(brief, tone=tone_of(record))
        self._written = {}
        for name, asset in placement.assets.items():
            if is_written(asset.text):
                learnt = prompt.learns(asset.text)
                proposals = (
                    Proposals(name, placement, brief, record, prompt.fields, tones) if learnt else None
                )
                self._written[name] = AssetDesk(name, record, brief, placement, facts, rules, proposals)

    @property
    def written(self) -> Iterable[AssetDesk]:
        """The assets that the model writes."""
        return self._written.values()

    def ad(self) -> Ad:
        """What came of it."""
        assets = {name: self._copy(name) for name in self._placement.assets}
        roomiest = min(assets, key=lambda name: _BY_ROOM.index(self._placement.assets[name].text))
        return Ad(self._brief.placement, assets, roomiest)

    def _copy(self, name: str) -> AssetCopy:
        if name in self._written:
            return self._written[name].copy()
        found = {"path": paths, "brand": brands}[self._placement.assets[name].text]
        texts = found(self._record, self._placement, name)
        return AssetCopy(tuple(_ad_text(text, self._placement, name) for text in texts), ())


def _ad_text(
    text: str, placement: Placement, asset: str, ranked: Ranked | None = None, *, safe: bool = False
) -> AdText:
    """A text as the placement sees it."""
    return AdText(text, ranked, safe, placement.length(text), placement.is_shown_whole(asset, text))


def _with_required(record: Record, brief: Brief) -> Record:
    """What a shop requires a text to say, it vouches for."""
    said = "; ".join(filter(None, (record.get("attributes") or "", *brief.required)))
    return {**record, "attributes": said}
