"""What waits for the engine, and who is next."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Place(Generic[Item]):
    """One that waits.

    Attributes:
        item: what it is.
        kind: only items of one kind share an engine call.
        tokens: that it takes of the call's budget.
        turn: seconds; the smallest goes first.
        since: seconds; when it came.
    """

    item: Item
    kind: Hashable
    tokens: int
    turn: float
    since: float


class Line(Generic[Item]):
    """Items by their turn, and among those of one turn by when they came."""

    def __init__(self, max_tokens: int) -> None:
        """An empty line.

        Args:
            max_tokens: that are taken at once; one larger item is taken alone.
        """
        self._max_tokens = max_tokens
        self._tokens = 0
        self._heap: list[tuple[float, int, Place[Item]]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def is_full(self) -> bool:
        """Whether as many tokens wait as are taken at once."""
        return self._tokens >= self._max_tokens

    def add(self, place: Place[Item]) -> None:
        """Let one wait."""
        self._tokens += place.tokens
        heapq.heappush(self._heap, (place.turn, next(self._count), place))

    def take(self, is_wanted: Callable[[Item], bool]) -> list[Place[Item]]:
        """Whoever is next, and those of its kind that come after it, up to the budget. The others keep their
        place; who is not wanted any more leaves the line.
        """
        taken: list[Place[Item]] = []
        kept: list[tuple[float, int, Place[Item]]] = []
        room = self._max_tokens
        while self._heap:
            entry = heapq.heappop(self._heap)
            place = entry[2]
            self._tokens -= place.tokens
            if not is_wanted(place.item):
                continue
            if taken and place.kind != taken[0].kind:
                kept.append(entry)
                continue
            if taken and place.tokens > room:
                kept.append(entry)  # a smaller one behind it does not pass: it would wait for ever
                break
            taken.append(place)
            room -= place.tokens
        for entry in kept:
            self._tokens += entry[2].tokens
            heapq.heappush(self._heap, entry)
        return taken
