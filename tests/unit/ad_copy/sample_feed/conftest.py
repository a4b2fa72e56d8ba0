"""Rows that many tests look at."""

import pytest

from adcraft.ad_copy.sample_feed.products import Product, products


@pytest.fixture(scope="session")
def rows() -> list[Product]:
    return list(products(3000, seed=5))
