"""Which model a request goes to: the champion, or by shares the challenger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from adcraft.registry import CHALLENGER, ModelVersion
from adcraft.settings import ServeSettings

_STEPS = 10_000


def kept_aliases(settings: ServeSettings) -> tuple[str, ...]:
    """Aliases, beside the one that answers by itself, whose models are kept in memory."""
    return (CHALLENGER,) if settings.canary_percent or settings.shadow_percent else ()


def goes_to_challenger(key: str, percent: float, versions: Mapping[str, ModelVersion]) -> bool:
    """Whether requests of a key are the challenger's: the same for ever, and with a growing share those that
    were the challenger's stay so.

    Args:
        key: of the request.
        percent: of all keys that the challenger gets.
        versions: by alias; without a challenger, nothing goes there.
    """
    if not percent or CHALLENGER not in versions:
        return False
    return place_of(key) < percent / 100


def place_of(key: str) -> float:
    """A number in [0, 1) that a key always has, as evenly spread as a hash is."""
    digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") % _STEPS / _STEPS
