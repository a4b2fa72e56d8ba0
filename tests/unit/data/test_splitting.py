"""Duplicates, products and splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.data.manifest import SPLITS
from adcraft.data.refining import KEY_TYPE
from adcraft.data.splitting import assign, first_occurrences, products, split_products
from adcraft.settings import SplitSettings

SETTINGS = SplitSettings()
SMALL = st.integers(0, 12)
ROWS = st.lists(st.tuples(SMALL, SMALL, SMALL, st.integers(1, 12)), max_size=60)


def keys_of(rows: list[tuple[int, int, int, int]]) -> np.ndarray:
    return np.array(rows, KEY_TYPE)


@given(ROWS)
def test_the_first_of_equals_stays(rows: list[tuple[int, int, int, int]]) -> None:
    identities = [row[:2] for row in rows]
    expected = [identity not in identities[:index] for index, identity in enumerate(identities)]
    assert first_occurrences(keys_of(rows)).tolist() == expected


@given(ROWS)
def test_a_product_is_never_in_two_splits(rows: list[tuple[int, int, int, int]]) -> None:
    keys = keys_of(rows)
    assignment = assign(keys, SETTINGS)
    kept = np.flatnonzero(assignment.split >= 0)
    for a in kept:
        for b in kept:
            if keys["name"][a] == keys["name"][b] or 0 != keys["id"][a] == keys["id"][b]:
                assert assignment.split[a] == assignment.split[b]
                assert assignment.product[a] == assignment.product[b]
    assert sum(assignment.products) == len(set(assignment.product[kept].tolist()))


def test_chains_join() -> None:
    ids = np.array([1, 1, 2, 2, 0, 0], np.uint64)
    names = np.array([30, 20, 20, 10, 40, 40], np.uint64)
    assert products(ids, names).tolist() == [10, 10, 10, 10, 40, 40]


def test_the_largest_product_is_known() -> None:
    rows = [(index, 0, 0, 1 if index < 5 else index) for index in range(10)]
    assert assign(keys_of(rows), SETTINGS).largest_product == 5


def test_fractions_and_seed() -> None:
    keys = np.random.default_rng(0).integers(1, 2**63, 20_000).astype(np.uint64)
    split = split_products(keys, SETTINGS)
    assert np.bincount(split) / len(keys) == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    other = split_products(keys, SplitSettings(seed=14))
    assert 0.3 < np.mean(split != other) < 0.4


def test_a_product_keeps_its_split_when_others_come() -> None:
    keys = np.random.default_rng(0).integers(1, 2**63, 1000).astype(np.uint64)
    assert np.array_equal(split_products(keys, SETTINGS)[:500], split_products(keys[:500], SETTINGS))


@given(st.sets(st.integers(1, 2**64 - 1), max_size=12))
def test_no_split_is_empty_where_that_can_be(keys: set[int]) -> None:
    split = split_products(np.array(sorted(keys), np.uint64), SETTINGS)
    assert len(set(split.tolist())) == (len(SPLITS) if len(keys) >= 3 else min(1, len(keys)))
