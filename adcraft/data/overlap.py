"""Which products of one dataset's test split another dataset teaches."""

from __future__ import annotations

import hashlib
import json

from adcraft.data.dataset import PreparedDataset
from adcraft.workload import Record, Workload

_TAUGHT = ("train", "validation")


def shared_products(dataset: PreparedDataset, other: PreparedDataset, workload: Workload) -> set[str]:
    """Keys of the products in the test split of ``dataset`` that ``other`` has to learn from.

    A product's key can change when the feed grows (a new row may join two products), so brand and name
    are compared too. None are shared where both have the very same test split.
    """
    if split_digest(dataset) == split_digest(other):
        return set()
    key_of_name = {_name(row, workload): row["product_key"] or "" for row in dataset.rows("test")}
    keys = {row["product_key"] for row in dataset.rows("test")}
    shared = set[str]()
    for split in _TAUGHT:
        for row in other.rows(split):
            if row["product_key"] in keys:
                shared.add(row["product_key"] or "")
            if (key := key_of_name.get(_name(row, workload))) is not None:
                shared.add(key)
    return shared


def split_digest(dataset: PreparedDataset) -> str:
    """SHA-256 of the test split's content, in hex: of the hashes of its files."""
    files = {name: file.sha256 for name, file in dataset.manifest.files.items() if name.startswith("test/")}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _name(row: Record, workload: Workload) -> tuple[str, str]:
    brand, name = row[workload.product_brand] or "", row[workload.product_name] or ""
    return brand.casefold(), name.casefold()
