"""What the model is asked for an asset: several prompts that differ in what a brief leaves open."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, product, repeat

from adcraft.ad_copy.controls import Controls, Length, audience_for, telling_words, tone_of
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.ad_copy.fields import AD_FIELDS
from adcraft.ad_copy.placements import Asset, Placement
from adcraft.ad_copy.prompts import prompt
from adcraft.workload import Prompt, Record

VARIANTS = 4
"""Texts that the model writes for each prompt, where more than one is wanted."""
_NAME_SHARE = 0.8
"""Of an asset's room that the whole name may take."""
_LENGTHS: tuple[Length, ...] = ("", "long", "short")
_WORD_SHARE, _AUDIENCE_SHARE = 0.5, 0.25
"""Of prompts that ask for a word of the record, and for whom its name says that it is."""
_READ_CHARS = 200
"""Of a description, for words to ask for."""


class Proposals:
    """The prompts for one asset, without end, in an order that the seed and the product decide."""

    def __init__(
        self,
        asset: str,
        placement: Placement,
        brief: Brief,
        record: Record,
        fields: tuple[str, ...],
        tones: Sequence[str],
    ) -> None:
        """Args:
        asset: of the placement, one that the model writes.
        placement: where it is published.
        brief: what is wanted.
        record: the product.
        fields: that a prompt may show.
        tones: that the model knows.
        """
        self._record, self._fields = record, fields
        limits = placement.assets[asset]
        room = limits.hard or limits.soft
        self._name = not room or placement.length(record.get("product_name") or "") <= _NAME_SHARE * room
        self._controls = _endless(limits, brief, record, tones)

    def take(self, count: int) -> list[Prompt]:
        """The next ``count`` of them."""
        return [
            prompt(self._record, self._fields, controls, name=self._name)
            for controls in islice(self._controls, count)
        ]


def _endless(limits: Asset, brief: Brief, record: Record, tones: Sequence[str]) -> Iterator[Controls]:
    """As asked for first; then what the brief leaves open varies, the tone of the record coming first."""
    kind = next(kind for kind in AD_FIELDS.values() if kind == limits.text)
    own_tone = tone if (tone := tone_of(record)) in tones else ""
    asked = Controls(
        kind=kind,
        length=brief.length,
        tone=brief.tone.lower() or own_tone,
        action=brief.action,
        audience=brief.audience,
        language=brief.language.lower().split("-")[0],
        including=brief.required,
    )
    yield asked
    draw = random.Random(f"{brief.seed} {kind} {record.get('product_name')}")
    said = f"{record.get('product_name')} {(record.get('description') or '')[:_READ_CHARS]}"
    words = telling_words(said, record)
    spoken_to = audience_for(record)
    others = [brief.tone.lower()] if brief.tone else (tones or [""])
    for likely in chain([[own_tone]] if own_tone and not brief.tone else [], repeat(others)):
        choices = list(
            product(
                likely,
                [asked.action] if asked.action is not None else (True, False),
                [asked.length] if asked.length else _LENGTHS,
            )
        )
        draw.shuffle(choices)
        for tone, action, length in choices:
            audience = asked.audience or (spoken_to if draw.random() < _AUDIENCE_SHARE else "")
            word = (draw.choice(words),) if words and draw.random() < _WORD_SHARE else ()
            yield replace(
                asked,
                length=length,
                tone=tone,
                action=action,
                audience=audience,
                including=asked.including or word,
            )
