"""Damage: every kind, about as much as asked for, always in the same rows."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft.ad_copy.sample_feed.dirt import DAMAGES, Dirt, Row, damage_of, dirty_products
from adcraft.ad_copy.sample_feed.products import Product, products

ROWS, SEED = 4000, 9


@pytest.fixture(scope="module")
def dirty() -> list[Row]:
    return list(dirty_products(ROWS, SEED, Dirt()))


@pytest.fixture(scope="module")
def clean() -> list[Product]:
    return list(products(ROWS, SEED))


def test_share_and_kinds(dirty: list[Row]):
    found = Counter(row.damage for row in dirty if row.damage)
    assert set(found) == set(DAMAGES)
    assert 0.10 < sum(found.values()) / ROWS < 0.14
    assert min(found.values()) > ROWS * 0.12 / len(DAMAGES) / 2


def test_undamaged_rows_are_those_of_the_clean_feed(dirty: list[Row], clean: list[Product]):
    assert all(
        row.product == product for row, product in zip(dirty, clean, strict=True) if row.damage is None
    )


def test_duplicates_repeat_an_undamaged_earlier_row(dirty: list[Row], clean: list[Product]):
    distances = []
    for index, row in enumerate(dirty):
        if row.damage == "duplicate":
            origin = clean.index(row.product)
            assert origin < index
            assert dirty[origin] == Row(row.product, None)
            distances.append(index - origin)
    assert min(distances) <= 50
    assert max(distances) > ROWS / 4


@pytest.mark.parametrize(
    ("damage", "field", "pattern"),
    [
        ("missing_title", "title", r""),
        ("missing_brand", "brand", r""),
        ("broken_price", "price", r"(?!\d+\.\d\d$).+"),
        ("wrong_encoding", "description", r".*(?:’|é)[^’é]*"),
    ],
)
def test_damage_to_one_field(dirty: list[Row], clean: list[Product], damage: str, field: str, pattern: str):
    for row, product in zip(dirty, clean, strict=True):
        if row.damage == damage:
            damaged = getattr(row.product, field)
            assert re.fullmatch(pattern, damaged)
            assert row.product._replace(**{field: ""}) == product._replace(**{field: ""})


def test_html_and_control_characters(dirty: list[Row], clean: list[Product]):
    fields: Counter[str] = Counter()
    for row, product in zip(dirty, clean, strict=True):
        changed = [
            (k, v) for k, v, was in zip(Product._fields, row.product, product, strict=True) if v != was
        ]
        if row.damage == "html":
            ((field, text),) = changed
            assert re.search(r"<\w+[^>]*>.*</\w+>", text)
            fields[field] += 1
        if row.damage == "control_characters":
            ((field, text),) = changed
            assert re.search("[\x00-\x1f\u200b]", text)
            fields[field] += 1
    assert set(fields) == {"title", "description", "ad"}


@given(seed=st.integers(0, 2**40), cut=st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_a_dirty_feed_is_its_parts(seed: int, cut: int):
    dirt = Dirt(share=0.5)
    whole = list(dirty_products(60, seed, dirt))
    assert whole == [*dirty_products(cut, seed, dirt), *dirty_products(60, seed, dirt, start=cut)]


@pytest.mark.parametrize("share", [0, 1])
def test_extreme_shares(share: float):
    dirt = Dirt(share, kinds=("duplicate", "html"))
    damaged = [damage_of(index, SEED, dirt) for index in range(50)]
    assert set(damaged) == ({None} if share == 0 else {"duplicate", "html"})
    assert len(list(dirty_products(50, SEED, dirt))) == 50


def test_wrong_dirt_is_refused():
    with pytest.raises(ValueError, match=r"1\.5"):
        Dirt(share=1.5)
    with pytest.raises(ValueError, match="No kind"):
        Dirt(kinds=())
