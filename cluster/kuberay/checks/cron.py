"""Whether a schedule is one that cron of five fields understands."""

from __future__ import annotations

import re

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 6),
)
_NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_WORDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = re.compile(r"@every (\d+(\.\d+)?(ns|us|ms|s|m|h))+")
_PART = re.compile(r"(?:(?P<any>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


def fault_of_schedule(text: str) -> str:
    """What is wrong with it, or nothing."""
    if text in _WORDS or _EVERY.fullmatch(text):
        return ""
    given = text.split()
    if len(given) != len(_FIELDS):
        return f"it has {len(given)} fields"
    for value, (name, least, most) in zip(given, _FIELDS, strict=True):
        for part in value.split(","):
            if not _is_part(part, name, least, most):
                return f"{part!r} is no {name} from {least} to {most}"
    return ""


def _is_part(text: str, name: str, least: int, most: int) -> bool:
    found = _PART.fullmatch(text)
    if not found or found["step"] == "0":
        return False
    if found["any"]:
        return True
    first = _number(found["first"], name, least)
    last = first if found["last"] is None else _number(found["last"], name, least)
    return least <= first <= last <= most


def _number(text: str, name: str, least: int) -> int:
    """The number, that of a name, or -1."""
    if text.isdecimal():
        return int(text)
    names = _NAMES.get(name, ())
    return names.index(text.lower()) + least if text.lower() in names else -1
