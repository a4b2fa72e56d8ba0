"""One product and its brief at work: what came for each asset so far, and what is missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.ad_copy.copywriting.ad import Ad, AdText, AssetCopy, Refused
from adcraft.ad_copy.copywriting.brief import Brief, is_written
from adcraft.ad_copy.copywriting.proposals import VARIANTS, Proposals
from adcraft.ad_copy.copywriting.ranking import Ranked, rank
from adcraft.ad_copy.copywriting.safe_copy import brands, paths, safe_texts
from adcraft.ad_copy.copywriting.selection import Candidate, select
from adcraft.ad_copy.guardrails.check import check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Verdict
from adcraft.ad_copy.guardrails.learnt_words import strange_words, unrelated
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.placements import Placement
from adcraft.inference.generator import Generation, Generator
from adcraft.inference.lexicon import Lexicon
from adcraft.workload import Prompt, Record

_SURPLUS = (1.5, 3.0, 3.0)
"""Candidates for each text that is wanted, and then for each that is missing."""
_REFUSED_SHOWN = 10
_BY_ROOM = ("body", "description", "subject", "headline", "path", "brand")


@dataclass(frozen=True)
class Ask:
    """One prompt for the model.

    Attributes:
        asset: that the answer is for.
        prompt: what the model is asked.
        source: ids that it reads for it.
        variants: texts to write.
        tokens: that it reads, and writes at most.
    """

    asset: AssetDesk
    prompt: Prompt
    source: Sequence[int]
    variants: int
    tokens: int


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
        lexicon: Lexicon,
        proposals: Proposals | None,
    ) -> None:
        """Args:
        name: of the asset.
        record: the product.
        brief: what is wanted.
        placement: where it is published.
        facts: of the record.
        rules: that every text keeps to.
        lexicon: of the texts that the model learnt from.
        proposals: what the model can be asked; None: it has not learnt to write such a text.
        """
        most = placement.assets[name].most
        self.wanted = min(brief.variants, most) if brief.variants else most
        self._proposals = proposals
        self._name, self._record, self._brief = name, record, brief
        self._placement, self._facts, self._rules, self._lexicon = placement, facts, rules, lexicon
        self._kind = placement.assets[name].text
        self._candidates: list[Candidate] = []
        self._refused: list[Refused] = []
        self._seen: set[str] = set()
        self._verdicts: Counter[frozenset[str]] = Counter()
        self._asked = False

    @property
    def missing(self) -> int:
        """Texts that are still wanted."""
        return self.wanted - len(select(self._candidates, self.wanted))

    def ask(self, surplus: float) -> tuple[Sequence[Prompt], int]:
        """The next prompts, and how many texts to write for each.

        Args:
            surplus: texts to ask for, for each that is missing.
        """
        if self._proposals is None or not self.missing:
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
            verdict = self._check_model(polished)
            self._verdicts[verdict.rules] += 1
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
        return AssetCopy(tuple(texts), tuple(self._refused[:_REFUSED_SHOWN]), dict(self._verdicts))

    def _check_model(self, text: str) -> Verdict:
        """Likewise, and for what only a model gets wrong."""
        strange = strange_words(text, self._facts, self._lexicon, self._kind)
        return Verdict((*self._check(text).findings, *strange, *unrelated(text, self._facts)))

    def _check(self, text: str) -> Verdict:
        return check(text, self._facts, self._rules, self._placement, self._name, self._brief.wishes)

    def _polished(self, text: str) -> str:
        """With a capital at its beginning, unless the record begins the word without one, and where it is a
        headline or a subject without a full stop.
        """
        if self._kind in {"headline", "subject"} and text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        first = text.split(maxsplit=1)[:1]
        own = bool(first) and first[0] in self._facts.written
        return text if own else text[:1].upper() + text[1:]


class Desk:
    """One product and its brief at work: :meth:`asks` until there are none, then :meth:`ad`."""

    def __init__(
        self,
        record: Record,
        brief: Brief,
        placement: Placement,
        rules: Rules,
        generator: Generator,
        tones: Sequence[str],
    ) -> None:
        prompt, lexicon = generator.prompt, generator.lexicon
        self._record, self._brief, self._placement = record, brief, placement
        self._generator = generator
        self._rounds = iter(_SURPLUS)
        facts = Facts.of(_with_required(record, brief), rules)
        self._written = {}
        for name, asset in placement.assets.items():
            if is_written(asset.text):
                learnt = prompt.learns(asset.text)
                proposals = (
                    Proposals(name, placement, brief, record, prompt.fields, tones) if learnt else None
                )
                self._written[name] = AssetDesk(
                    name, record, brief, placement, facts, rules, lexicon, proposals
                )

    def asks(self) -> list[Ask]:
        """The prompts of the next round, when all of the last one are answered; none: the ad is done."""
        surplus = next(self._rounds, None)
        if surplus is None:
            return []
        asked = [
            (asset, prompt, variants)
            for asset in self._written.values()
            for prompts, variants in [asset.ask(surplus)]
            for prompt in prompts
        ]
        sources = self._generator.encode([prompt for _, prompt, _ in asked])
        most = self._generator.prompt.target_tokens
        return [
            Ask(asset, prompt, source, variants, len(source) + variants * most)
            for (asset, prompt, variants), source in zip(asked, sources, strict=True)
        ]

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
