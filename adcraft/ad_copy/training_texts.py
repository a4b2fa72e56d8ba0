"""The texts that a prepared record teaches, by kind.

Where a feed has descriptions alone, texts of the other kinds are phrased from its own words, in every tone,
so that a model learns from it too how a headline about such products sounds (decision 0204).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from adcraft.ad_copy.controls import chance, tone_of
from adcraft.ad_copy.fields import AD_FIELDS, Kind
from adcraft.ad_copy.languages import language_of
from adcraft.ad_copy.phrasing.draws import pick
from adcraft.ad_copy.phrasing.tones import tones
from adcraft.ad_copy.product_words import ProductWords, product_words
from adcraft.ad_copy.targets import shorten
from adcraft.workload import Record

_PHRASED: dict[Kind, int] = {"headline": 3, "description": 2, "body": 1, "subject": 1}
"""Texts of each kind that are phrased for a record; a headline has least to go by."""
_OF_FEATURES = frozenset({"technical"})
"""Tones that have nothing to say of a product whose features are not known."""
_FEATURED_SHARE, _HIDDEN_SHARE = 0.7, 0.5
"""Of texts that may name what the description gives; of the others, those whose prompts hide it."""
_BRANDLESS_SHARE = 0.1
"""Of records whose texts are phrased as if they had no brand: some products have none."""
_ABOUT = frozenset("noun a_noun short look_noun a_look_noun title brand brands".split())
"""What a text has to name, one of it: "Choose Short Sleeves" says of no product anything."""
_HEADLINE_CHARS, _DESCRIPTION_CHARS = 30, 90
_LEAST_HEADLINE, _LEAST_DESCRIPTION = 8, 30
_PLAIN_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’&/-])*")
_SMALL = frozenset("a an and at by for from in of on or the to with".split())


@dataclass(frozen=True)
class TrainingText:
    """A text, and what is to be known of it.

    Attributes:
        kind: of text.
        text: as it is learnt.
        tone: that it is in; "" where that is not known.
        hidden: fields that its prompt must not show.
    """

    kind: Kind
    text: str
    tone: str = ""
    hidden: frozenset[str] = frozenset()


def texts_of(record: Record) -> list[TrainingText]:
    """The record's target first, then its other texts of its own, then those that are phrased for it: of the
    kinds that it has none of, and bodies where its target is a description.
    """
    target, field = record.get("target"), record.get("target_field") or ""
    tone = tone_of(record)
    texts = [TrainingText(AD_FIELDS.get(field, "body"), target, tone, frozenset({field}))] if target else []
    texts += [
        TrainingText(kind, text, tone)
        for name, kind in AD_FIELDS.items()
        if name != field and (text := record.get(name))
    ]
    if not target:
        return texts
    own = {text.kind for text in texts if text.hidden <= AD_FIELDS.keys()}
    missing = [kind for kind in _PHRASED if kind not in own]
    return texts + (list(_phrased(record, missing)) if missing else [])


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


def _phrased(record: Record, kinds: list[Kind]) -> Iterator[TrainingText]:
    """Texts of these kinds: in tones where the record is in English, its own words as they are where it is in
    another language, none where that is not clear.
    """
    if chance(record, "brandless") < _BRANDLESS_SHARE:
        record = {**record, "brand": None}
    language = language_of(record.get("description") or "")
    words = product_words(record) if language == "en" else None
    for kind in kinds if language else ():
        if words:
            made = [_toned(record, words, kind, turn) for turn in range(_PHRASED[kind])]
        else:
            made = [_plain(record, kind)]
        yield from {each.text: each for each in made if each}.values()


def _toned(record: Record, words: ProductWords, kind: Kind, turn: int) -> TrainingText | None:
    draw = Random(f"{record.get('id')} {record.get('product_name')} {kind} {turn}").random
    featured = bool(words.features) and (kind == "body" or draw() < _FEATURED_SHARE)
    facts = words.facts(draw, featured=featured)
    able = tones(words.number, frozenset(facts), _ABOUT)
    tone = pick([tone for tone in able if featured or tone.name not in _OF_FEATURES], draw)
    text = tone.find(kind, facts, draw)
    if not text or (kind == "body" and not featured):
        return None
    hidden = {"description"} if not featured and draw() < _HIDDEN_SHARE else set()
    return TrainingText(kind, text, tone.name, frozenset(hidden | _brandless(record)))


def _brandless(record: Record) -> set[str]:
    return set() if record.get("brand") else {"brand"}


def _plain(record: Record, kind: Kind) -> TrainingText | None:
    """What is sayable in any language: the end of the name, the beginning of the description."""
    description = record.get("description") or record.get("target") or ""
    hidden = frozenset(_brandless(record))
    if kind == "headline":
        brand = (record.get("brand") or "") if chance(record, kind, "brand") < 0.5 else ""
        text = headline_from_name(record.get("product_name") or "", brand, _HEADLINE_CHARS)
        return TrainingText(kind, text, "", hidden) if text else None
    if kind == "description":
        text = shorten(description, _DESCRIPTION_CHARS)
        return TrainingText(kind, text, "", hidden) if len(text) >= _LEAST_DESCRIPTION else None
    if kind == "body" and record.get("description"):
        return TrainingText(kind, record.get("target") or "", "", hidden)
    return None
