"""Choices made from a stream of uniform numbers, so that a seed decides them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Draw = Callable[[], float]
"""Gives uniform numbers from 0 to below 1."""

_Item = TypeVar("_Item")


def pick(items: Sequence[_Item], draw: Draw) -> _Item:
    """One of the items, all equally likely."""
    return items[int(draw() * len(items))]


def sample(items: Sequence[_Item], size: int, draw: Draw) -> list[_Item]:
    """``size`` different ones of the items, in random order."""
    left = list(items)
    return [left.pop(int(draw() * len(left))) for _ in range(size)]
