"""Whether copy that names its product spells it as the shop does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.workload import Record

NAMING_FIELDS = ("brand", "product_name")


@dataclass(frozen=True)
class Naming:
    """How copies spell one field of their products.

    Attributes:
        named: copies that have it, in whatever case.
        exact: those of them that have it as the record has it, each time.
    """

    named: int
    exact: int


def naming(copies: Sequence[str], records: Sequence[Record]) -> dict[str, Naming]:
    """For brand and product name: in how many copies they stand, and in how many of these verbatim.

    A brand that is also a word ("ONLY", "AND") is not named where the copy has the word in lower case.
    """
    result = {}
    for field in NAMING_FIELDS:
        named = exact = 0
        for copy, record in zip(copies, records, strict=True):
            value = record.get(field) or ""
            found = _occurrences(copy, value, field == "brand") if value else []
            named += bool(found)
            exact += bool(found) and all(spelling == value for spelling in found)
        result[field] = Naming(named, exact)
    return result


def _occurrences(copy: str, value: str, may_be_a_word: bool) -> list[str]:
    found = re.findall(rf"(?<!\w){re.escape(value)}(?!\w)", copy, re.IGNORECASE)
    if may_be_a_word and value.isalpha():
        return [spelling for spelling in found if spelling == value or not spelling.islower()]
    return found
