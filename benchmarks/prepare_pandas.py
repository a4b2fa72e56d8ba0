"""The peer of ``ray_jobs prepare``: the same cleaning in one plain pandas process, as one would write it.

The same functions clean a cell and cut a target, column by column; what pandas does well (reading CSV,
dropping duplicates, writing Parquet) is pandas'. The rows that come out are the same, split by split.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from adcraft.data.columns import ColumnRules
from adcraft.data.manifest import SPLITS
from adcraft.data.refining import TARGET, TARGET_FIELD, refined_schema, text_hashes
from adcraft.data.splitting import products, split_products
from adcraft.data.values import VALUE_OF_KIND, cell_text
from adcraft.settings import DataSettings
from adcraft.workload import Workload
from adcraft.workloads import get_workload


def prepare(feed: Path, out: Path, *, targets_last: bool = False) -> int:
    """Prepare a CSV feed into ``out/{train,validation,test}.parquet``; returns rows kept.

    Args:
        feed: UTF-8, comma-separated.
        out: an existing folder.
        targets_last: cut targets only after duplicates are dropped. That is quicker where a feed is
            mostly duplicates; a row whose target can't be cut is then found after its duplicates went.
    """
    workload, settings = get_workload("ad_copy"), DataSettings()
    frame = pd.read_csv(feed, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    rows = _clean(frame, workload)
    del frame
    if not targets_last:
        rows = _with_targets(rows, workload, settings.target_chars)
    identity = [spec.name for spec in workload.fields if spec.identity]
    present = [name for name in identity if rows[name].notna().any()]
    lowered = pd.DataFrame({name: rows[name].str.lower() for name in present})
    rows = rows[~lowered.duplicated()]
    if targets_last:
        rows = _with_targets(rows, workload, settings.target_chars)
    table = pa.Table.from_pandas(rows, refined_schema(workload), preserve_index=False)
    ids = np.where(table["id"].is_valid(), text_hashes(table.select(["id"]), 64), 0)
    names = text_hashes(table.select([workload.product_name, workload.product_brand]), 64)
    keys = products(ids, names)
    unique, inverse = np.unique(keys, return_inverse=True)
    split = split_products(unique, settings.split)[inverse]
    rows = rows.assign(
        product_key=[f"{key:016x}" for key in keys.tolist()],
        source_row=[f"{feed.name}:{index + 1}" for index in rows.index],
    )
    for code, name in enumerate(SPLITS):
        rows[split == code].to_parquet(out / f"{name}.parquet", compression="zstd", index=False)
    return len(rows)


def _clean(frame: pd.DataFrame, workload: Workload) -> pd.DataFrame:
    """The workload's fields, cleaned and checked."""
    found = ColumnRules.of(workload, {}).recognise(list(frame.columns))
    fields = {}
    bad = pd.Series(data=False, index=frame.index)
    for spec in workload.fields:
        columns = found.get(spec.name)
        if not columns:
            fields[spec.name] = pd.Series(None, index=frame.index, dtype="str")
            continue
        values = frame[columns[0]].map(cell_text)
        if spec.kind not in ("text", "attributes"):
            values = values.map(VALUE_OF_KIND[spec.kind], na_action="ignore")
        if spec.required:
            bad |= values.isna()
        if spec.max_chars:
            bad |= values.str.len() > spec.max_chars
        fields[spec.name] = values
    return pd.DataFrame(fields)[~bad]


def _with_targets(rows: pd.DataFrame, workload: Workload, limit: int) -> pd.DataFrame:
    target = pd.Series(None, index=rows.index, dtype="str")
    target_field = pd.Series(None, index=rows.index, dtype="str")
    for name in reversed(workload.target_fields):
        if not rows[name].notna().any():
            continue
        short = rows[name].map(lambda text: workload.shorten(text, limit) or None, na_action="ignore")
        target = short.where(short.notna(), target)
        target_field = target_field.mask(short.notna(), name)
    rows = rows.assign(**{TARGET: target, TARGET_FIELD: target_field})
    return rows[rows[TARGET].notna()]


def main() -> None:
    """Prepare once, and print the seconds that it took after all imports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare_pandas", description=__doc__)
    parser.add_argument("feed", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    started = time.perf_counter()
    kept = prepare(arguments.feed, arguments.out)
    print(f"{kept} rows in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
