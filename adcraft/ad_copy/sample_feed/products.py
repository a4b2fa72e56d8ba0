"""The rows of the sample feed. Row ``i`` depends on the seed and on ``i`` alone.

So a feed can be written in parts on different machines, and a short feed is the beginning of a longer
one of the same seed.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from adcraft.ad_copy.phrasing.draws import Draw, pick, sample
from adcraft.ad_copy.phrasing.tones import tones
from adcraft.ad_copy.sample_feed.brands import brand
from adcraft.ad_copy.sample_feed.catalogue import catalogue
from adcraft.ad_copy.sample_feed.listing import write_listing, write_title

_BRANDS_PER_CATEGORY = 600
_FIRST_DAY, _DAYS = date(2023, 1, 1), 1096
_PRICE_ENDINGS = (".00", ".50", ".90", ".95", ".99")


class Product(NamedTuple):
    """One row: what a shop knows of a product, and what was written for it. All text, as in a CSV file.

    ``attributes`` is ``key: value; key: value``, ``price`` is like ``49.90`` and names no currency,
    ``timestamp`` is ISO 8601 in UTC, ``tone`` is how the texts after it were to sound.
    """

    id: str
    title: str
    brand: str
    category: str
    description: str
    attributes: str
    price: str
    rating: str
    timestamp: str
    tone: str
    ad: str
    headline: str
    ad_description: str
    subject: str


def products(rows: int, seed: int, start: int = 0) -> Iterator[Product]:
    """Rows ``start`` to below ``rows`` of the feed of this seed, one at a time.

    Args:
        rows: length of the feed.
        seed: 0 or more.
        start: first row wanted, counted from 0.
    """
    generator = random.Random()
    for index in range(start, rows):
        generator.seed(seed << 64 | index)
        yield _product(index, generator.random)


def product(index: int, seed: int) -> Product:
    """Row ``index``, counted from 0, of the feed of this seed."""
    return next(products(index + 1, seed, start=index))


def _product(index: int, draw: Draw) -> Product:
    categories = catalogue()
    place = int(draw() * len(categories))
    kind = pick(categories[place], draw)
    # Squared, so that a category has a few big brands and many small ones.
    name = brand(place * _BRANDS_PER_CATEGORY + int(draw() ** 2 * _BRANDS_PER_CATEGORY))
    look, measure = pick(kind.looks, draw), pick(kind.measures, draw)
    first, second, third = sample(kind.features, 3, draw)
    use, other_use = sample(kind.uses, 2, draw)
    one, other = (first, second) if draw() < 0.5 else (second, first)
    title = write_title(kind, look, measure, third, draw)
    price = _price(*kind.price, draw)
    facts = {
        **kind.facts,
        **look.facts,
        **measure.facts,
        **pick(first.first, draw),
        **pick(second.second, draw),
        "brand": name,
        "brands": f"{name}'" if name.endswith("s") else f"{name}'s",
        "title": title,
        "price": price,
        "use1": use,
        "use2": other_use,
        "d1": one.phrase,
        "d2": other.phrase,
        "d3": third.phrase,
    }
    description, attributes = write_listing(kind.number, (*look.attributes, measure.attribute), facts, draw)
    tone = pick(tones(kind.number), draw)
    return Product(
        id=f"P{index + 1:08d}",
        title=title,
        brand=name,
        category=kind.category,
        description=description,
        attributes=attributes,
        price=price,
        rating=f"{5 - 2.4 * draw() * draw():.1f}",
        timestamp=_timestamp(draw),
        tone=tone.name,
        ad=tone.write(facts, draw),
        # What came later is drawn last, so that all before stays what it was.
        headline=tone.headlines.write(facts, draw),
        ad_description=tone.descriptions.write(facts, draw),
        subject=tone.subjects.write(facts, draw),
    )


def _price(low: float, high: float, draw: Draw) -> str:
    """Between low and high, as likely to double as to halve, with the ending of a shop's price."""
    return f"{int(low * (high / low) ** draw())}{pick(_PRICE_ENDINGS, draw)}"


def _timestamp(draw: Draw) -> str:
    second = int(draw() * 86_400)
    return f"{pick(_days(), draw)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


@functools.cache
def _days() -> tuple[str, ...]:
    return tuple((_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(_DAYS))
