"""Which rows are duplicates, which are one product, and which split a product falls into.

All of it works on hashes of the content, over the whole set at once: about 32 bytes a row, plus as much
again while it is sorted. So it depends on neither batches nor CPUs, and a product keeps its split when
others come and go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from adcraft.data.manifest import SPLITS
from adcraft.settings import SplitSettings

Keys = npt.NDArray[np.void]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Assignment:
    """What becomes of each good row, in source order.

    Attributes:
        split: int8; index into ``SPLITS``, or -1 for a duplicate.
        product: uint64; the key that rows of one product share.
        products: of each split.
        largest_product: rows of the product that has most.
    """

    split: npt.NDArray[np.int8]
    product: Hashes
    products: tuple[int, ...]
    largest_product: int


def assign(keys: Keys, settings: SplitSettings) -> Assignment:
    """Decide for all rows.

    Args:
        keys: ``refining.KEY_TYPE`` of every good row, in source order.
        settings: fractions and seed.
    """
    kept = first_occurrences(keys)
    label = products(keys["id"][kept], keys["name"][kept])
    unique, inverse, rows = np.unique(label, return_inverse=True, return_counts=True)
    of_product = split_products(unique, settings)
    split = np.full(len(keys), -1, np.int8)
    split[kept] = of_product[inverse]
    product = np.zeros(len(keys), np.uint64)
    product[kept] = label
    return Assignment(
        split=split,
        product=product,
        products=tuple(int(n) for n in np.bincount(of_product, minlength=len(SPLITS))),
        largest_product=int(rows.max(initial=0)),
    )


def first_occurrences(keys: Keys) -> npt.NDArray[np.bool_]:
    """Whether each row is the first with its identity."""
    first = np.ones(len(keys), np.bool_)
    if len(keys):
        order = np.lexsort((keys["low"], keys["high"]))  # stable: equals stay in source order
        high, low = keys["high"][order], keys["low"][order]
        first[order[1:]] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return first


def products(ids: Hashes, names: Hashes) -> Hashes:
    """A key for each row that rows share if they have the same id (0 is none) or the same name, or if
    a chain of such rows joins them: the smallest hash of a name among them.
    """
    if not len(names):
        return np.empty(0, np.uint64)
    unique_names, name = np.unique(names, return_inverse=True)
    with_id = ids != 0
    unique_ids, identified = np.unique(ids[with_id], return_inverse=True)
    size = len(unique_names) + len(unique_ids)
    edges = (np.ones(len(identified), np.bool_), (name[with_id], len(unique_names) + identified))
    _, component = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    of_name = component[: len(unique_names)]
    # Names are sorted, so the first of each component is its smallest.
    _, smallest, which = np.unique(of_name, return_index=True, return_inverse=True)
    keys: Hashes = unique_names[smallest[which]][name]
    return keys


def split_products(keys: Hashes, settings: SplitSettings) -> npt.NDArray[np.int8]:
    """The split of each product (``keys`` has each once), by a hash of its key and the seed. Where
    that leaves a split empty, the first and the last two by hash go one into each; fewer than three
    products all go into the first.
    """
    position = _mix(keys ^ _mix(np.array([settings.seed % 2**64], np.uint64)))
    share = position / 2.0**64
    split = np.digitize(share, [settings.train, settings.train + settings.validation]).astype(np.int8)
    if len(keys) < len(SPLITS):
        split[:] = 0
    elif len(np.unique(split)) < len(SPLITS):
        order = np.argsort(position)
        split[order[0]], split[order[-2]], split[order[-1]] = range(len(SPLITS))
    return split


def _mix(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit decides every bit."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
