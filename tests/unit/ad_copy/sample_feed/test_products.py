"""Rows: deterministic, splittable, varied, within bounds."""

import hashlib
import re
from collections import Counter
from datetime import datetime
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft.ad_copy.sample_feed.brands import brand
from adcraft.ad_copy.sample_feed.products import Product, product, products

seeds = st.integers(0, 2**40)


@given(seed=seeds, rows=st.integers(1, 40), cut=st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_a_feed_is_its_parts(seed: int, rows: int, cut: int):
    whole = list(products(rows, seed))
    assert whole == list(products(rows, seed))
    cut = min(cut, rows)
    assert whole == [*products(cut, seed), *products(rows, seed, start=cut)]


@given(seed=seeds, index=st.integers(0, 10**7))
@settings(max_examples=50, deadline=None)
def test_a_row_depends_on_seed_and_index_alone(seed: int, index: int):
    row = product(index, seed)
    assert row == product(index, seed)
    assert row.id == f"P{index + 1:08d}"
    assert row._replace(id="") != product(index + 1, seed)._replace(id="")
    assert row != product(index, seed + 1)


def test_rows_stay_what_they_are():
    """A change of the generator changes every feed of it: change the digest when that is meant."""
    digest = hashlib.sha256("\n".join(map(repr, products(500, seed=0))).encode()).hexdigest()
    assert digest[:16] == "0c8aec274806cc02"


def test_what_came_later_changed_nothing_before_it():
    """The columns up to the ad are those of the feed that had no others."""
    before = [tuple(row)[: Product._fields.index("headline")] for row in products(500, seed=0)]
    digest = hashlib.sha256("\n".join(map(repr, before)).encode()).hexdigest()
    assert digest[:16] == "4ec1a9550259c7e2"


def test_breadth(rows: list[Product]):
    assert len({row.category for row in rows}) >= 14
    tones = Counter(row.tone for row in rows)
    assert set(tones) == {"plain", "playful", "premium", "urgent", "warm", "technical"}
    assert min(tones.values()) > len(rows) / 12
    assert len({row.id for row in rows}) == len(rows)
    assert len({(row.brand, row.title) for row in rows}) > 0.99 * len(rows)
    assert len({row.ad for row in rows}) == len(rows)
    assert len({row.title for row in rows}) > 0.75 * len(rows)


def test_bounds(rows: list[Product]):
    for row in rows:
        assert 80 <= len(row.description) <= 400, row
        assert 1 <= len(re.findall(r"[.?!](?: |$)", row.description)) <= 4, row
        assert 5 <= len(row.title) <= 90
        assert row.brand not in row.title
        assert re.fullmatch(r"\d{1,4}\.\d\d", row.price)
        assert 2.6 <= float(row.rating) <= 5
        assert datetime.strptime(row.timestamp, "%Y-%m-%dT%H:%M:%SZ").year in {2023, 2024, 2025}  # noqa: DTZ007
        pairs = row.attributes.split("; ")
        assert 3 <= len(pairs) <= 4
        assert all(re.fullmatch(r"[A-Z][^:;]*: [^:;]+", pair) for pair in pairs)


def test_no_feature_is_named_twice_in_a_title(rows: list[Product]):
    assert [row.title for row in rows if re.search(r"\b(\w{4,}) \1\b", row.title)] == []


def test_brands():
    names = {brand(number) for number in range(10_800)}
    assert len(names) > 8000
    assert max(map(len, names)) <= 24
    assert all(name[0].isupper() for name in names)
    assert not names & {"Nike", "Sony", "Bosch", "Zara", "Delta", "Dell", "Casio"}
    assert any(not name.isascii() for name in islice(names, 1000))
