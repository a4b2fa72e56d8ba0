"""Damage as it is found in real feeds, so that cleaning is seen to work.

Which rows are damaged, and how, depends on the seed and the row's index alone, like the rows
themselves. A duplicate repeats an earlier undamaged row exactly, near or far back; it is written
again from its index, so nothing is kept in memory.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from adcraft.ad_copy.sample_feed.products import Product, product, products

Damage = Literal[
    "missing_title",
    "missing_brand",
    "duplicate",
    "html",
    "broken_price",
    "wrong_encoding",
    "control_characters",
    "extra_delimiters",
    "empty_row",
]
DAMAGES: tuple[Damage, ...] = get_args(Damage)

_NEAR = 50
_BROKEN_PRICES = ("N/A", "12,,5", "-3", "1.2.3", "call us", "0,00 -")
_NOTES = (" The maker’s tip – keep the box.", " For home, office and café.")
_CONTROLS = ("\x00", "\x07", "\x0b", "\u200b")


@dataclass(frozen=True)
class Dirt:
    """How much damage, and of which kinds, all equally likely.

    Raises:
        ValueError: the share is not within 0 and 1, or no kind is given.
    """

    share: float = 0.12
    kinds: tuple[Damage, ...] = DAMAGES

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"The share of damaged rows is {self.share}; it must be from 0 to 1.")
        if not self.kinds:
            raise ValueError(f"No kind of damage is given; there are {', '.join(DAMAGES)}.")


class Row(NamedTuple):
    """A product as it goes into the file, and what was done to it.

    For ``wrong_encoding``, ``extra_delimiters`` and ``empty_row`` the rest is up to the file's format.
    """

    product: Product
    damage: Damage | None


def dirty_products(rows: int, seed: int, dirt: Dirt, start: int = 0) -> Iterator[Row]:
    """The rows of ``products``, some of them damaged."""
    for index, clean in enumerate(products(rows, seed, start), start):
        damage = damage_of(index, seed, dirt)
        if damage is None:
            yield Row(clean, None)
        elif damage == "duplicate":
            origin = _origin(index, seed, dirt)
            yield Row(clean, None) if origin is None else Row(product(origin, seed), damage)
        else:
            spoil = _SPOILERS.get(damage)
            yield Row(spoil(clean, _generator(index, seed)) if spoil else clean, damage)


def damage_of(index: int, seed: int, dirt: Dirt) -> Damage | None:
    """What happens to row ``index``; a duplicate without an earlier undamaged row stays as it is."""
    digest = hashlib.blake2b(b"dirt %d %d" % (seed, index), digest_size=16).digest()
    if int.from_bytes(digest[:8], "big") >= dirt.share * 2**64:
        return None
    return dirt.kinds[int.from_bytes(digest[8:], "big") % len(dirt.kinds)]


def _origin(index: int, seed: int, dirt: Dirt) -> int | None:
    generator = _generator(index, seed)
    first = max(0, index - _NEAR) if generator.random() < 0.5 else 0
    for _ in range(20 if index else 0):
        earlier = generator.randrange(first, index)
        if damage_of(earlier, seed, dirt) is None:
            return earlier
    return None


def _generator(index: int, seed: int) -> random.Random:
    return random.Random(f"dirt {seed} {index}")


def _html(clean: Product, generator: random.Random) -> Product:
    place = generator.randrange(3)
    if place == 0:
        return clean._replace(title=f"<b>{clean.title.replace(' ', '&nbsp;', 1)}</b>")
    if place == 1:
        marked = clean.ad.replace(clean.brand, f"<strong>{clean.brand}</strong>")
        return clean._replace(ad=f"<span class='ad'>{marked}</span>")
    broken = clean.description.replace(". ", ".<br/>").replace(" and ", " &amp; ")
    return clean._replace(description=f"<p>{broken}</p>")


def _control_characters(clean: Product, generator: random.Random) -> Product:
    field = generator.choice(("title", "description", "ad"))
    text: str = getattr(clean, field)
    for _ in range(2):
        at = generator.randrange(len(text))
        text = text[:at] + generator.choice(_CONTROLS) + text[at:]
    return clean._replace(**{field: text})


_SPOILERS: dict[Damage, Callable[[Product, random.Random], Product]] = {
    "missing_title": lambda clean, _: clean._replace(title=""),
    "missing_brand": lambda clean, _: clean._replace(brand=""),
    "html": _html,
    "broken_price": lambda clean, draw: clean._replace(price=draw.choice(_BROKEN_PRICES)),
    # Gives the row characters that are other bytes in another encoding; the file's format does the rest.
    "wrong_encoding": lambda clean, draw: clean._replace(description=clean.description + draw.choice(_NOTES)),
    "control_characters": _control_characters,
}
