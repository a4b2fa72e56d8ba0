"""From a product to what the model reads, and to the pair that it learns from."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace

from adcraft.ad_copy.controls import Controls, chance, controls_of, some_of, tone_of
from adcraft.ad_copy.slots import (
    BRAND,
    NAME,
    PRICE,
    Anchors,
    delexicalise,
    lexicalise,
    price_spellings,
    tokens_in,
)
from adcraft.ad_copy.targets import drop_clauses
from adcraft.ad_copy.training_texts import TrainingText, texts_of
from adcraft.workload import Example, Prompt, Record

_BARE_DIGIT = re.compile(r"(?<!<n)(?<!<n\d)\d")  # one that is not part of a slot token
_LABELS = {"product_name": "product"}


def prompt(
    record: Record, fields: tuple[str, ...], controls: Controls | None = None, *, name: bool = True
) -> Prompt:
    """What the model reads: ``write: body | product: <name> <brand> Kurta | brand: <brand>``.

    The name stands behind its own token with its words (and their slots), since a model can write
    about a name only if it can read it.

    Args:
        record: the product.
        fields: to show, in this order.
        controls: of the text; None: a body in the record's tone.
        name: whether the text may have the whole name. Where it may not, its token is not shown, and
            the slots don't have it.
    """
    controls = controls or Controls(tone=tone_of(record))
    anchors = anchors_of(record)
    slots = {
        token: value
        for token, value in ((BRAND, anchors.brand), (NAME, anchors.name), (PRICE, anchors.price))
        if value and (name or token != NAME)
    }
    wanted, slots = delexicalise(str(controls), Anchors(), slots)
    parts = [f"write: {wanted}"]
    for field in fields:
        value = record.get(field)
        if not value:
            continue
        if field == "brand":
            text = BRAND
        elif field == "price":
            text = PRICE
        elif field == "product_name":
            words, slots = delexicalise(value, Anchors(brand=anchors.brand), slots)
            text = f"{NAME} {words}" if name and words != NAME else words
        else:
            text, slots = delexicalise(value, anchors if name else replace(anchors, name=""), slots)
        parts.append(f"{_LABELS.get(field, field)}: {text}")
    return Prompt(" | ".join(parts), slots)


def target_example(record: Record, fields: tuple[str, ...]) -> Example | None:
    """What the target of a prepared record teaches; None where nothing of it is left."""
    if not record.get("target"):
        return None
    return _example(record, fields, texts_of(record)[0])


def examples(record: Record, fields: tuple[str, ...]) -> tuple[Example, ...]:
    """What a prepared record teaches: a pair for each kind of text that it has.

    A number in a text that the source does not give can't be learnt, only invented; so the
    clause around it is left out of what is learnt.
    """
    made = (_example(record, fields, text) for text in texts_of(record))
    return tuple(example for example in made if example)


def _example(record: Record, fields: tuple[str, ...], taught: TrainingText) -> Example | None:
    record = {**record, **dict.fromkeys(taught.hidden)}
    kind, text, anchors = taught.kind, canonical(taught.text, record), anchors_of(record)
    # Now and then without the name, so that a text without it, which is often too long, can be asked for.
    name = kind == "body" or anchors.name in text or chance(record, kind, text, "name") < 0.5
    controls = controls_of(kind, text, record, taught.tone)
    source = prompt(record, fields, some_of(controls, record, text), name=name)
    learnt, _ = delexicalise(text, anchors if name else replace(anchors, name=""), source.slots)
    invented = {token for token in tokens_in(learnt) if token not in source.slots}
    if invented or _BARE_DIGIT.search(learnt):
        unwanted = re.compile("|".join([*map(re.escape, sorted(invented)), _BARE_DIGIT.pattern]))
        learnt = drop_clauses(learnt, unwanted)
    values = {"tone": taught.tone} if taught.tone else {}
    return Example(source.source, learnt, kind, values) if learnt else None


def finish(text: str, slots: Mapping[str, str]) -> str:
    """Generated text with its slots filled. A slot that this product has no value for goes, with
    the clause around it where the rest can stand without.
    """
    while missing := "|".join(map(re.escape, sorted(set(tokens_in(text)) - slots.keys()))):
        text = drop_clauses(text, re.compile(missing)) or _without(text, missing)
    return lexicalise(re.sub(r"\s+", " ", text).strip(), slots)


def canonical(text: str, record: Record) -> str:
    """``text`` with brand, name and price spelt as the record spells them."""
    anchors = anchors_of(record)
    for value in (anchors.name, anchors.brand):
        if len(value) > 2 and value not in text and value.lower() in text.lower():
            whole = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)
            text = whole.sub(functools.partial(_respelt, value, value == anchors.brand), text)
    written = [spelling for spelling in price_spellings(anchors.price) if spelling and spelling in text]
    if written and written != [anchors.price]:
        spellings = "|".join(map(re.escape, written))
        text = re.sub(rf"(?<![\d.,])(?:{spellings})(?![.,]?\d)", lambda _: anchors.price, text)
    return text


def anchors_of(record: Record) -> Anchors:
    """The strings of a record that have a slot of their own."""
    return Anchors(
        brand=record.get("brand") or "",
        name=record.get("product_name") or "",
        price=record.get("price") or "",
    )


def _respelt(value: str, is_brand: bool, found: re.Match[str]) -> str:
    """``value``; but "and" is not the brand AND, nor "only" the brand ONLY."""
    ordinary = is_brand and value.isalpha() and found.group().islower()
    return found.group() if ordinary else value


def _without(text: str, missing: str) -> str:
    """``text`` without the slots ``missing``, the words that led to them ("by", "at only"), and the
    gap they leave.
    """
    led = rf"(?:\b(?:by|from|for|at|of|with|in|only|just)\s+)*(?:{missing})(?:['’]s\b)?"
    return re.sub(r"\s+(?=[\s.,;:!?…]|$)", "", re.sub(led, "", text, flags=re.IGNORECASE)).lstrip()
