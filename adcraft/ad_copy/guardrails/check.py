"""The check of one text: every rule, in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adcraft.ad_copy.guardrails.characters import odd_characters
from adcraft.ad_copy.guardrails.completeness import cut_off
from adcraft.ad_copy.guardrails.editorial import chat_spellings, exclaimed, in_capitals, punctuated, set_apart
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, Verdict
from adcraft.ad_copy.guardrails.folding import fold
from adcraft.ad_copy.guardrails.grounding import ungrounded
from adcraft.ad_copy.guardrails.language import foreign
from adcraft.ad_copy.guardrails.ordinary import is_ordinary
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
    folded = fold(text)
    if not folded.words:
        yield Finding("empty", 0, len(text), text, "there is no word in it")
        return
    language = wishes.language.lower().split("-")[0]
    limits = placement.assets[asset]
    if not placement.fits(asset, text):
        why = f"{placement.length(text)} characters, where {limits.hard} are accepted"
        yield Finding("length", 0, len(text), text, why)
    hits = rules.scanner.scan(folded)
    yield from ungrounded(text, folded, hits, facts, rules)
    yield from chat_spellings(text, folded, hits, facts)
    yield from exclaimed(text, limits.exclamation_marks)
    yield from in_capitals(text, facts, rules)
    yield from set_apart(text, facts, rules)
    if not is_ordinary(text):
        yield from punctuated(text, language)
        yield from odd_characters(text, folded, facts, emoji=placement.emoji)
    yield from cut_off(text, folded, facts, rules, language)
    yield from repeated(text, folded, facts, language)
    yield from personal(text, folded, facts, rules)
    yield from banned(text, folded, wishes.banned)
    yield from missing(folded, wishes.required)
    if language:
        yield from foreign(text, facts, language)
