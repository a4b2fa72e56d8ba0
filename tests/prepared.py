"""A small prepared dataset, written directly: for tests of what comes after preparing."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adcraft.ad_copy.fields import FIELDS
from adcraft.ad_copy.sample_feed.products import products
from adcraft.data.dataset import MANIFEST, PreparedDataset
from adcraft.data.manifest import SPLITS, DataFile, Manifest, RowCounts, Source, Split
from adcraft.workload import Record

COLUMNS = (*(field.name for field in FIELDS), "target", "target_field", "product_key", "source_row")
_FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def write_prepared(
    root: Path, name: str = "products", rows: int = 200, seed: int = 5, splits: tuple[str, ...] = SPLITS
) -> PreparedDataset:
    """Invented products with their ads, eight in ten of them to learn from; other splits than ``splits``
    stay empty.
    """
    dealt = _dealt(rows, seed)
    return write_records(root, {split: dealt[split] if split in splits else [] for split in SPLITS}, name)


def write_records(
    root: Path, splits: Mapping[str, Sequence[Record]], name: str = "products"
) -> PreparedDataset:
    """A dataset of these rows; a column that a row lacks is empty."""
    aside = root / name / "aside"
    files: dict[str, DataFile] = {}
    counts = {}
    for split, kept in splits.items():
        file = aside / split / "part-00000.parquet"
        file.parent.mkdir(parents=True)
        schema = pa.schema([(column, pa.string()) for column in COLUMNS])
        pq.write_table(pa.Table.from_pylist(list(kept), schema), file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        files[f"{split}/{file.name}"] = DataFile(rows=len(kept), bytes=file.stat().st_size, sha256=digest)
        counts[split] = len(kept)
    manifest = Manifest(
        workload="ad_copy",
        source=Source(location="invented", files=()),
        settings={},
        columns=dict.fromkeys(COLUMNS, "string"),
        rows=RowCounts.model_validate(
            {"in": sum(counts.values()), "kept": sum(counts.values()), "rejected": 0, "duplicates": 0}
        ),
        reasons={},
        blanked={},
        nulls={},
        lengths={},
        target_fields={"ad": sum(counts.values())},
        values={
            "tone": dict(
                Counter(tone for kept in splits.values() for row in kept if (tone := row.get("tone")))
            )
        },
        largest_product=1,
        split_seed=13,
        splits={
            split: Split(fraction=_FRACTIONS[split], rows=count, products=count)
            for split, count in counts.items()
        },
        files=files,
    ).with_version()
    (aside / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    folder = aside.rename(root / name / manifest.version)
    return PreparedDataset.at(folder)


def _dealt(rows: int, seed: int) -> dict[str, list[dict[str, str | None]]]:
    dealt: dict[str, list[dict[str, str | None]]] = {split: [] for split in SPLITS}
    for index, product in enumerate(products(rows, seed)):
        split = {8: "validation", 9: "test"}.get(index % 10, "train")
        fields = product._asdict()
        dealt[split].append(
            {
                **dict.fromkeys(COLUMNS),
                **fields,
                "product_name": fields.pop("title"),
                "target": product.ad,
                "target_field": "ad",
                "product_key": product.id,
                "source_row": f"invented:{index + 1}",
            }
        )
    return dealt
