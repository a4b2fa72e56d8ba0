"""A cell's text by the kind of its field; and text from the values of JSON, Parquet and Arrow."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from adcraft.data.cleaning import clean_text
from adcraft.workload import FieldKind

NULLS = frozenset({"", "nan", "null", "none", "n/a", "#n/a", "-", "--", "nil", "nat", "<na>"})
_LONGEST_NULL = max(map(len, NULLS))
_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*")
_DIGIT = re.compile(r"\d")
_NEGATIVE = re.compile(r"^\D{0,4}[-\u2212]\s?\D{0,4}\d")
_PLAIN_DECIMAL = re.compile(r"(\d+)\.(\d+)")
_EPOCH = re.compile(r"\d{10}(?:\d{3})?(?:\.\d+)?")
_RUBY_ARROW = re.compile(r'"\s*=>\s*')
_DEEPEST = 20


def cell_text(cell: str | None) -> str | None:
    """A cell, cleaned; None where it is empty or one of the usual words for nothing."""
    if not cell:
        return None
    text = clean_text(cell)
    if len(text) <= _LONGEST_NULL and text.lower() in NULLS:
        return None
    if text[0] in "[{":
        return _unpack(text)
    return text


def _price(text: str) -> str | None:
    """With a digit and not below zero; ``1899.0`` as ``1899``, ``24.9`` as ``24.90``."""
    if not _DIGIT.search(text) or _NEGATIVE.match(text):
        return None
    plain = _PLAIN_DECIMAL.fullmatch(text)
    if plain:
        whole, cents = plain.groups()
        if not cents.strip("0"):
            return whole
        return f"{text}0" if len(cents) == 1 else text
    return text


def _number(text: str) -> str | None:
    return text if _NUMBER.fullmatch(text) else None


def _timestamp(text: str) -> str | None:
    """As ISO 8601. ISO 8601, RFC 2822 and Unix time are read; ``03/04/24`` could be two days."""
    try:
        if _EPOCH.fullmatch(text):
            seconds = float(text[:10])
            return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
        return dt.datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:?\d\d$)", "", text)).isoformat()
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError):
        return None


def _as_it_is(text: str) -> str | None:
    return text


VALUE_OF_KIND: dict[FieldKind, Callable[[str], str | None]] = {
    "text": _as_it_is,
    "attributes": _as_it_is,
    "price": _price,
    "number": _number,
    "timestamp": _timestamp,
}
"""Kind to: a cleaned text as this kind is kept, or None if it is not of the kind."""


def flatten(value: object, depth: int = 0) -> str | None:
    """Any value of JSON or Arrow as text: ``{"Fabric": "Cotton", "Sizes": ["S", "M"]}`` as
    ``Fabric: Cotton; Sizes: S, M``, 1899.0 as ``1899``, true as ``yes``; None for what has no text
    (null, NaN, bytes).
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bytes) or depth > _DEEPEST:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | decimal.Decimal):
        return _plain_number(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict):
        return _flatten_mapping(value, depth)
    if isinstance(value, list | tuple):
        texts = [text for item in value if (text := flatten(item, depth + 1))]
        return ("; " if any(isinstance(item, dict) for item in value) else ", ").join(texts) or None
    return str(value)


def _flatten_mapping(value: dict[object, object], depth: int) -> str | None:
    if value.keys() == {"key", "value"}:  # of a list of pairs, spelt out
        key, held = flatten(value["key"], depth + 1), flatten(value["value"], depth + 1)
        return f"{key}: {held}" if key and held else held or key
    pairs = [(key, flatten(held, depth + 1)) for key, held in value.items()]
    texts = [f"{key}: {held}" for key, held in pairs if held]
    if depth == 0 and len(texts) == 1 and isinstance(next(iter(value.values())), list):
        return flatten(next(iter(value.values())), depth + 1)  # a wrapper around a list
    return "; ".join(texts) or None


def _plain_number(value: float | decimal.Decimal) -> str | None:
    if not math.isfinite(value):
        return None
    if value == int(value) and -(10**15) < value < 10**15:
        return str(int(value))
    return str(value)


def _unpack(text: str) -> str | None:
    """The text of a list or an object that was written as JSON (or as a Ruby hash) into a cell."""
    for written in (text, _RUBY_ARROW.sub('": ', text)):
        try:
            value = json.loads(written)
        except (ValueError, RecursionError):
            continue
        unpacked = flatten(value)
        return clean_text(unpacked) or None if unpacked else None
    return text
