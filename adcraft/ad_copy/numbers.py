"""Numbers in text, compared by their value: ``1,299.00`` is ``1299``."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from adcraft.ad_copy.slots import NUMBER


def numbers_in(text: str) -> list[str]:
    """The value of each number, in order."""
    return [value_of(match) for match in NUMBER.findall(text)]


def value_of(number: str) -> str:
    """The number without separators and needless zeros; what is no number (a date, a version) as it is."""
    try:
        return str(Decimal(number.replace(",", "")).normalize())
    except InvalidOperation:
        return number
