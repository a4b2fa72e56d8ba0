"""Texts that are true of every product and fit everywhere: templates, and what the record says as it is."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from importlib import resources
from string import Formatter

import yaml

from adcraft.ad_copy.phrasing.english import title_case
from adcraft.ad_copy.placements import Placement
from adcraft.ad_copy.product_words import product_words
from adcraft.ad_copy.targets import shorten
from adcraft.ad_copy.training_texts import headline_from_name
from adcraft.workload import Record

_DEFAULT_LANGUAGE, _ANY = "en", "any"
_ROOM = 160
"""Characters of an asset that has no limit."""
_LAST_PART = re.compile(r"[^>|/]*$")
_PATH_WORD = re.compile(r"[^\W_]+")


def safe_texts(record: Record, placement: Placement, asset: str, language: str = "") -> Iterator[str]:
    """Templates of the asset's kind, filled in from the record, that the asset has room for; each is still
    to be checked.
    """
    limits = placement.assets[asset]
    room = limits.hard or limits.soft or _ROOM
    templates = _templates()
    spoken = language.lower().split("-")[0] or _DEFAULT_LANGUAGE
    for tongue in (_ANY, spoken):
        for template in templates.get(tongue, {}).get(limits.text, ()):
            text = _filled(template, record, placement, room)
            if text and placement.length(text) <= room:
                yield text


def paths(record: Record, placement: Placement, asset: str) -> list[str]:
    """What stands behind the address of an ad: the category, else what the product is, then the brand."""
    most = placement.assets[asset].most
    category = _LAST_PART.findall(record.get("category") or "")[0]
    kind = category or _kind(record, lambda noun: placement.fits(asset, _path_of(noun)))
    brand = _path_of(record.get("brand") or "")
    found = [_path(kind, placement, asset), brand if placement.fits(asset, brand) else ""]
    return list(dict.fromkeys(filter(None, found)))[:most]


def brands(record: Record, placement: Placement, asset: str) -> list[str]:
    """The record's brand, where it fits."""
    brand = record.get("brand") or ""
    return [brand] if brand and placement.fits(asset, brand) else []


def _path(words: str, placement: Placement, asset: str) -> str:
    """The last words that fit, joined by hyphens."""
    kept = _PATH_WORD.findall(words)
    while kept and not placement.fits(asset, "-".join(kept)):
        kept = kept[1:]
    return "-".join(kept)


def _path_of(words: str) -> str:
    return "-".join(_PATH_WORD.findall(words))


def _kind(record: Record, fits: Callable[[str], bool]) -> str:
    """What the product is, in the most words of its name that fit; the whole name where that is not told."""
    words = product_words(record)
    nouns = [title_case(noun) for noun in reversed(words.nouns)] if words else []
    return next(filter(fits, nouns), record.get("product_name") or "")


def _filled(template: str, record: Record, placement: Placement, room: int) -> str:
    """``template`` with the record's values; "" where it has not all of them."""
    name = record.get("product_name") or ""
    values = {
        "name": name,
        "brand": record.get("brand") or "",
        "category": _LAST_PART.findall(record.get("category") or "")[0].strip(),
    }
    fields = {field for _, field, _, _ in Formatter().parse(template) if field}
    if any(not values.get(field) for field in fields - {"short"}):
        return ""
    if "brand" in fields:  # it is said once
        name = name.removeprefix(f"{values['brand']} ")
        if values["brand"] in name:
            return ""
        values["name"] = name
    if "short" in fields:
        left = room - placement.length(template.format_map({**values, "short": ""}))
        values["short"] = _short(record, name, left)
        if not values["short"]:
            return ""
    return template.format_map(values)


def _short(record: Record, name: str, room: int) -> str:
    """The whole name, or what it says that the product is; where that can't be told its last words, or its
    first; "" where nothing fits.
    """
    if len(name) <= room:
        return name
    if product_words(record):
        kind = _kind(record, lambda noun: len(noun) <= room)
        return kind if len(kind) <= room else ""
    return headline_from_name(name, "", room) or (shorten(name, room) if room > 0 else "")


@functools.cache
def _templates() -> dict[str, dict[str, list[str]]]:
    text = (resources.files(__package__) / "safe_copy.yaml").read_text("utf-8")
    templates: dict[str, dict[str, list[str]]] = yaml.safe_load(text)
    return templates
