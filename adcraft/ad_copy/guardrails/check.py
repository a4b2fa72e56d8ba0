"""The check of one text: every rule, in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adcraft.ad_copy.guardrails.editorial import badly_written
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, Verdict
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.grounding import ungrounded
from adcraft.ad_copy.guardrails.language import foreign
from adcraft.ad_copy.guardrails.personal import personal
from adcraft.ad_copy.guardrails.repetition import repeated
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.guardrails.terms import banned, missing
from adcraft.ad_copy.placements import Placement


@dataclass(frozen=True)
class Wishes:
    """What a request wants of every text beside the rules.

    Attributes:
        language: a tag such as ``en`` or ``de-AT``; "" for any.
        banned: terms that no text may have.
        required: terms that each text must have.
    """

    language: str = ""
    banned: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def check(
    text: str, facts: Facts, rules: Rules, placement: Placement, asset: str, wishes: Wishes | None = None
) -> Verdict:
    """Whether ``text`` can be published as ``asset`` of ``placement``.

    Args:
        text: written by a model or by hand.
        facts: of the product; see :meth:`Facts.of`.
        rules: see :func:`~adcraft.ad_copy.guardrails.rules.shipped_rules`.
        placement: with its limits and what it accepts.
        asset: one of the placement's.
        wishes: of the request.
    """
    wishes = wishes or Wishes()
    findings = _all(text, facts, rules, placement, asset, wishes)
    return Verdict(tuple(sorted(findings, key=lambda finding: (finding.start, finding.end, finding.rule))))


def _all(
    text: str, facts: Facts, rules: Rules, placement: Placement, asset: str, wishes: Wishes
) -> Iterator[Finding]:
    if not text.strip():
        yield Finding("empty", 0, len(text), text, "there is no text")
        return
    folded = fold(text)
    limits = placement.assets[asset]
    if not placement.fits(asset, text):
        why = f"{placement.length(text)} characters, where {limits.hard} are accepted"
        yield Finding("length", 0, len(text), text, why)
    yield from ungrounded(text, folded, facts, rules)
    yield from badly_written(
        text,
        folded,
        facts,
        rules,
        emoji=placement.emoji,
        exclamation_marks=limits.exclamation_marks,
    )
    yield from repeated(text, folded, facts, rules)
    yield from personal(text, folded, facts, rules)
    yield from banned(text, folded, wishes.banned)
    yield from missing(folded, wishes.required)
    if wishes.language:
        yield from foreign(text, folded, facts, rules, wishes.language)
