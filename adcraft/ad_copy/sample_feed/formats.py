"""How rows become a file: CSV, JSON Lines or Parquet, streamed.

Three kinds of damage are done here, because what they look like depends on the format:

==================  =============================  =============================  ====================
damage              CSV                            JSON Lines                     Parquet
==================  =============================  =============================  ====================
wrong_encoding      the row's bytes are cp1252     the row's bytes are cp1252     UTF-8 read as cp1252
extra_delimiters    unquoted: too many columns     a stray comma: does not parse  separators repeated
empty_row           empty columns                  empty values                   nulls
==================  =============================  =============================  ====================
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from adcraft.ad_copy.sample_feed.dirt import Row
from adcraft.ad_copy.sample_feed.products import Product
from adcraft.errors import SettingsError

Write = Callable[[Iterable[Row], BinaryIO], None]

_EMPTY = Product(*[""] * len(Product._fields))
_ROWS_PER_GROUP = 8192


def format_of(path: Path) -> Write:
    """The function that writes a file of this suffix.

    Raises:
        SettingsError: the suffix is none of .csv, .jsonl and .parquet.
    """
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        suffix = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
        raise SettingsError(f"The output {path} {suffix}; give it one of {', '.join(_FORMATS)}.") from None


class _Echo:
    """A file for ``csv.writer`` whose ``write`` returns the line, so that ``writerow`` does."""

    def write(self, line: str) -> str:
        return line


def _write_csv(rows: Iterable[Row], file: BinaryIO) -> None:
    line = csv.writer(_Echo(), lineterminator="\n").writerow
    file.write(line(Product._fields).encode())
    _write_lines(rows, file, line, lambda product: ",".join(product) + ",,\n")


def _write_jsonl(rows: Iterable[Row], file: BinaryIO) -> None:
    encode = json.JSONEncoder(ensure_ascii=False).encode

    def line(product: Sequence[str]) -> str:
        return encode(dict(zip(Product._fields, product, strict=True))) + "\n"

    _write_lines(rows, file, line, lambda product: line(product)[:-2] + ",}\n")


_Line = Callable[[Sequence[str]], str]


def _write_lines(rows: Iterable[Row], file: BinaryIO, line: _Line, broken_line: _Line) -> None:
    for product, damage in rows:
        if damage == "extra_delimiters":
            file.write(broken_line(product).encode())
        elif damage == "empty_row":
            file.write(line(_EMPTY).encode())
        else:
            file.write(line(product).encode("cp1252" if damage == "wrong_encoding" else "utf-8"))


def _write_parquet(rows: Iterable[Row], file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in Product._fields])
    values = map(_parquet_values, rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(itertools.islice(values, _ROWS_PER_GROUP)):
            columns = [pa.array(column, pa.string()) for column in zip(*group, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _parquet_values(row: Row) -> Sequence[str | None]:
    product, damage = row
    if damage == "extra_delimiters":
        return product._replace(attributes=product.attributes.replace("; ", ";;,; ") + ";;")
    if damage == "wrong_encoding":
        return [value.encode().decode("cp1252", errors="replace") for value in product]
    return [None] * len(product) if damage == "empty_row" else product


_FORMATS: dict[str, Write] = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
