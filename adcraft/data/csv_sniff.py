"""What delimits a CSV file, and what its columns are called."""

from __future__ import annotations

import csv
import io

from adcraft.data.columns import ColumnRules
from adcraft.data.csv_format import unique_header
from adcraft.errors import FeedError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_ROWS = 50


def sniff(sample: str, name: str, delimiter: str, rules: ColumnRules) -> tuple[str, tuple[str, ...]]:
    """The delimiter and the header of a file.

    Args:
        sample: the file's beginning.
        name: of the file, for messages.
        delimiter: as the settings say; "" means it is found: the one that gives a recognised column,
            then most rows as wide as the header, then the widest header.
        rules: how columns are recognised.

    Raises:
        FeedError: the file is empty, or ``delimiter`` splits nothing and another one would.
    """
    if not sample.strip("\r\n\t ,;|\ufeff\0"):
        raise FeedError(f"The feed file {name} is empty: it has not even a header line.")
    found = max(DELIMITERS, key=lambda candidate: _score(sample, candidate, rules))
    header = unique_header(_first_rows(sample, delimiter or found)[0])
    if delimiter and delimiter != found and len(header) == 1 and not _usable(header, rules):
        better = unique_header(_first_rows(sample, found)[0])
        if len(better) > 1:
            raise FeedError(
                f"The delimiter {_spoken(delimiter)} (data.delimiter) finds one column in {name}: "
                f"{header[0]!r}. The {_spoken(found)} would find {len(better)}: "
                f"{', '.join(better)}. Leave data.delimiter empty to have it found."
            )
    return delimiter or found, header


def _usable(header: tuple[str, ...], rules: ColumnRules) -> bool:
    found = rules.recognise(header)
    return all(field in found for field in rules.required)


def _score(sample: str, delimiter: str, rules: ColumnRules) -> tuple[bool, bool, float, int]:
    header, *rows = _first_rows(sample, delimiter)
    width = len(header)
    alike = sum(len(row) == width for row in rows) / len(rows) if rows else 1.0
    return _usable(unique_header(header), rules), width > 1, round(alike, 1), width


def _first_rows(sample: str, delimiter: str) -> list[list[str]]:
    limit = csv.field_size_limit(len(sample) + 1)
    try:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        found = [row for row, _ in zip((row for row in rows if row), range(_ROWS), strict=False)]
    except csv.Error as error:
        raise FeedError(f"The feed's first rows are no CSV: {error}.") from None
    finally:
        csv.field_size_limit(limit)
    return found


def _spoken(delimiter: str) -> str:
    name = DELIMITERS.get(delimiter)
    return f"{name} {delimiter!r}" if name else repr(delimiter)
