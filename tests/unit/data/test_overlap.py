"""Products that one dataset tests and another teaches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from adcraft.data.dataset import PreparedDataset
from adcraft.data.overlap import shared_products, split_digest
from adcraft.workload import Record
from adcraft.workloads import get_workload
from tests.prepared import write_records

AD_COPY = get_workload("ad_copy")


def row(name: str, key: str, brand: str | None = "Aera") -> Record:
    return {"product_name": name, "brand": brand, "product_key": key, "target": f"{name}!"}


def dataset(root: Path, **splits: Sequence[Record]) -> PreparedDataset:
    return write_records(root, {"train": [], "validation": [], "test": [], **splits})


@pytest.fixture
def tested(tmp_path: Path) -> PreparedDataset:
    return dataset(tmp_path, test=[row("Bag", "a"), row("Lamp", "b"), row("Tea", "c", None)])


@pytest.mark.parametrize(
    ("split", "taught", "shared"),
    [
        ("train", row("Bag", "a"), {"a"}),
        ("validation", row("Lamp", "b"), {"b"}),
        ("train", row("A bag under another name", "a"), {"a"}),
        ("train", row("LAMP", "z", "aera"), {"b"}),  # its key was another before the feed grew
        ("train", row("Tea", "z", None), {"c"}),
        ("train", row("Bag", "z", "Solvex"), set()),
        ("test", row("Bag", "a"), set()),
    ],
)
def test_what_was_taught_by_key_or_by_name(
    tested: PreparedDataset, tmp_path: Path, split: str, taught: Record, shared: set[str]
) -> None:
    other = dataset(tmp_path, **{split: [taught]})
    assert shared_products(tested, other, AD_COPY) == shared


def test_with_one_test_split_nothing_is_shared(tested: PreparedDataset, tmp_path: Path) -> None:
    """A dataset's own test products are not among those that it teaches."""
    other = dataset(tmp_path, test=list(tested.rows("test")), train=[row("Shoes", "s")])
    assert other.version != tested.version
    assert split_digest(other) == split_digest(tested)
    assert shared_products(tested, other, AD_COPY) == set()
