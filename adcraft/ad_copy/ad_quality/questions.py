"""What a model is asked for, so that its ads and its obedience can be measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from adcraft.ad_copy.ad_quality.tone_reader import ToneReader
from adcraft.ad_copy.controls import audience_of, calls_to_act, length_of
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.ad_copy.fields import Kind
from adcraft.workload import Record, without_target

Holds = Callable[[Kind, str], bool | None]
"""Whether a text of a kind is what was asked for; None where nobody can tell of such texts."""
UNASKED = Brief(variants=1)
"""As a question's brief, but that nothing is asked for."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Question:
    """A control that is asked for of one product.

    Attributes:
        name: of the control.
        brief: that asks for it: one text for each asset of a placement to be named.
        holds: whether a text obeys.
    """

    name: str
    brief: Brief
    holds: Holds


def sampled(records: Sequence[Record], products: int) -> list[Record]:
    """Records of at most ``products`` products, evenly spaced, as a shop would give them: without the text
    that is learnt, and without the tone that it was written in.
    """
    first = {record["product_key"]: record for record in reversed(records)}
    kept = list(reversed(first.values()))
    step = max(1.0, len(kept) / products)
    chosen = [kept[int(index * step)] for index in range(min(products, len(kept)))]
    return [{**without_target(record), "tone": None} for record in chosen]


def questions(record: Record, tones: Sequence[str], reader: ToneReader) -> Iterator[Question]:
    """Every control that can be asked for of a product.

    Args:
        record: the product.
        tones: that the model knows.
        reader: that tells them.
    """
    one = UNASKED
    yield Question("short", replace(one, length="short"), lambda kind, text: length_of(kind, text) == "short")
    yield Question("long", replace(one, length="long"), lambda kind, text: length_of(kind, text) == "long")
    yield Question("action", replace(one, action=True), lambda _, text: calls_to_act(text))
    yield Question("no action", replace(one, action=False), lambda _, text: not calls_to_act(text))
    if who := audience_in(record):
        yield Question("audience", replace(one, audience=who), lambda _, text: audience_of(text) == who)
    for tone in tones:
        yield Question(tone, replace(one, tone=tone), _sounds(tone, reader))


def audience_in(record: Record) -> str:
    """Whom the record says that the product is for, as a control has it; "" if it does not."""
    said = f"{record.get('gender') or ''} {record.get('product_name') or ''}".lower()
    return next((word for word in _WORD.findall(said) if audience_of(f"for {word}") == word), "")


def _sounds(tone: str, reader: ToneReader) -> Holds:
    return lambda kind, text: reader.read(kind, [text]) == [tone] if reader.knows(kind, tone) else None
