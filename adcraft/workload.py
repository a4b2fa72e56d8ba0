"""What a workload (ad copy today; others later) gives to the rails, and nothing more.

The rails (feed reading, quality rules, splitting, the training driver, bundle, replica) know only
this frozen bundle of data and callables. ``adcraft.workloads`` lists the workloads by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Record = Mapping[str, str | None]
"""One cleaned product: field name to text, None where the feed had nothing."""


def without_target(record: Record) -> Record:
    """The record without the field that its target was taken from, which a prompt must not show where what is
    written is compared with the target.
    """
    return {name: value for name, value in record.items() if name != record.get("target_field")}


FieldKind = Literal["text", "number", "price", "timestamp", "attributes"]


@dataclass(frozen=True)
class FieldSpec:
    """One field of a record, and how to find it in a stranger's feed.

    Attributes:
        name: the field's name in a record and in a prepared dataset.
        aliases: usual column names, compared without case, spaces, underscores, hyphens, and
            without a bracketed unit: ``Price (INR)`` is ``price``.
        kind: how its text is cleaned and checked.
        required: a row without it is set aside.
        identity: it is part of what makes two rows the same (ids, prices and dates are not).
        max_chars: a longer value sets the row aside; 0 means cut nothing and refuse nothing.
        counted: it has few values, and the manifest of a dataset lists them.
    """

    name: str
    aliases: tuple[str, ...] = ()
    kind: FieldKind = "text"
    required: bool = False
    identity: bool = False
    max_chars: int = 0
    counted: bool = False


@dataclass(frozen=True)
class Example:
    """What the model reads and writes, both as text with slot tokens.

    Attributes:
        source: read.
        target: written.
        task: that it teaches, one of the workload's.
        values: of counted fields, that its prompt may have named.
    """

    source: str
    target: str
    task: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompt:
    """What the model reads for one request, and what its slot tokens stand for."""

    source: str
    slots: Mapping[str, str]


@dataclass(frozen=True)
class Workload:
    """The contract between a workload and the rails.

    Attributes:
        name: its key in ``adcraft.workloads``.
        fields: the record's schema. It has ``id`` and one field named by ``product_name``.
        product_name: the field that, with ``product_brand``, names a product: rows that share
            either it or the id are one product and land in one split.
        product_brand: see ``product_name``.
        target_fields: fields that can hold the text to learn, best first.
        shorten: (text, limit in characters) to the target that is learnt, cut at a sentence or
            clause and never inside a word; "" if nothing usable is left.
        slot_tokens: tokens that the tokenizer must keep whole.
        prompt_fields: the fields that a prompt may show, most telling first.
        tasks: that a model can learn, by name.
        prompt: (record, fields to show) to model input.
        examples: (record with ``target``, fields to show) to training pairs; none if the record can't teach
            anything. The field that the target was taken from is not shown.
        target_example: likewise to the pair that its target teaches, or None.
        finish: (generated text with slot tokens, slots) to final text.
        code: names of the modules and packages that decide what ``prompt`` and the examples give, and of all
            that these import of the same package: what was made of examples is made anew when they change.
    """

    name: str
    fields: tuple[FieldSpec, ...]
    product_name: str
    product_brand: str
    target_fields: tuple[str, ...]
    shorten: Callable[[str, int], str]
    slot_tokens: tuple[str, ...]
    prompt_fields: tuple[str, ...]
    tasks: tuple[str, ...]
    prompt: Callable[[Record, tuple[str, ...]], Prompt]
    examples: Callable[[Record, tuple[str, ...]], tuple[Example, ...]]
    target_example: Callable[[Record, tuple[str, ...]], Example | None]
    finish: Callable[[str, Mapping[str, str]], str]
    code: tuple[str, ...]
