"""The texts that a prepared record teaches, by kind.

Where a feed has descriptions alone, its shorter texts are made of its own words, so that a model learns from
it too how a short text about such products looks.
"""

from __future__ import annotations

import re

from adcraft.ad_copy.controls import chance
from adcraft.ad_copy.fields import AD_FIELDS, Kind
from adcraft.ad_copy.targets import shorten
from adcraft.workload import Record

_HEADLINE_CHARS, _DESCRIPTION_CHARS = 30, 90
_LEAST_HEADLINE, _LEAST_DESCRIPTION = 8, 30
_PLAIN_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’&/-])*")
_SMALL = frozenset("a an and at by for from in of on or the to with".split())


def texts_of(record: Record) -> list[tuple[Kind, str]]:
    """(kind, text), the record's target first.

    A record whose target was taken from its description, and that has no shorter texts of its own, has one:
    the beginning of the description, or the end of the name, by turns.
    """
    target, field = record.get("target"), record.get("target_field") or ""
    texts: list[tuple[Kind, str]] = [(AD_FIELDS.get(field, "body"), target)] if target else []
    texts += [
        (kind, text) for name, kind in AD_FIELDS.items() if name != field and (text := record.get(name))
    ]
    if target and field not in AD_FIELDS and len(texts) == 1:
        texts += _made_shorter(record, target)
    return texts


def headline_from_name(name: str, brand: str, limit: int) -> str:
    """The last words of ``name`` that fit into ``limit`` characters, with ``brand`` before them where that
    fits too; "" where fewer than two words of the name would be left, or they would begin in its middle.
    """
    words = name.split()
    if words[: len(brand.split())] == brand.split():
        words = words[len(brand.split()) :]
    room = limit - len(brand) - 1 if brand else limit
    kept: list[str] = []
    while words and len(" ".join([words[-1], *kept])) <= room and _PLAIN_WORD.fullmatch(words[-1]):
        kept.insert(0, words.pop())
    while kept and kept[0].lower() in _SMALL:
        kept.pop(0)
    whole = " ".join([brand, *kept] if brand else kept)
    return whole if len(kept) > 1 and len(whole) >= _LEAST_HEADLINE else ""


def _made_shorter(record: Record, target: str) -> list[tuple[Kind, str]]:
    if chance(record, "description", "made of") < 0.5:
        text = shorten(target, _DESCRIPTION_CHARS)
        return [("description", text)] if len(text) >= _LEAST_DESCRIPTION else []
    named = chance(record, "headline", "brand") < 0.5
    brand = (record.get("brand") or "") if named else ""
    text = headline_from_name(record.get("product_name") or "", brand, _HEADLINE_CHARS)
    return [("headline", text)] if text else []
