"""Numbers in text, compared by their value: ``1,299.00`` and ``1.299,00`` are ``1299``; ``2,50``, ``2.5``."""

from __future__ import annotations

import re

from adcraft.ad_copy.slots import NUMBER

_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}|[1-9]\d{0,2}(?:\.\d{3})+")


def numbers_in(text: str) -> list[str]:
    """The value of each number, in order."""
    return [value_of(match) for match in NUMBER.findall(text)]


def value_of(number: str) -> str:
    """The number without separators and needless zeros; what is no number (a date, a version) as it is."""
    whole, mark, cents = number, "", ""
    if not number.isdecimal() and not _GROUPED.fullmatch(number):
        mark = max(",.", key=number.rfind)
        whole, _, cents = number.rpartition(mark)
        if mark in whole or not cents.isdecimal():
            return number
    whole = whole.replace(",", "").replace(".", "").lstrip("0") or "0"
    cents = cents.rstrip("0")
    return f"{whole}.{cents}" if cents else whole
