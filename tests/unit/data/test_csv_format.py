"""CSV: cut into whole rows and parsed as Python's csv module would."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft.data import csv_format
from adcraft.data.columns import ColumnRules
from adcraft.data.csv_format import CsvParser, csv_chunks, unique_header
from adcraft.data.csv_sniff import sniff
from adcraft.data.rows import RawRows
from adcraft.errors import FeedError
from adcraft.workloads import get_workload

RULES = ColumnRules.of(get_workload("ad_copy"), {})
HEADER = ("a", "b", "c")
CELL = st.text(st.sampled_from('ab",;\n\r é😀'), max_size=6)


def parse_all(data: bytes, *, width: int = 3, chunk_bytes: int = 16, limit: int = 1000) -> list[RawRows]:
    parser = CsvParser(tuple("abcdefgh"[:width]), ",", limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_format, "CHUNK_BYTES", chunk_bytes)
        step = max(7, chunk_bytes // 2)
        chunks = list(csv_chunks([data[i : i + step] for i in range(0, len(data), step)], ","))
    assert b"".join(chunks) == data
    return [parser.parse(chunk, is_first=index == 0) for index, chunk in enumerate(chunks)]


def rows(parsed: list[RawRows]) -> list[tuple[str | None, ...]]:
    return [row for raw in parsed for row in zip(*(c.to_pylist() for c in raw.columns.values()), strict=True)]


@given(st.lists(st.lists(CELL, min_size=3, max_size=3)), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=300)
def test_what_was_written_is_read(table: list[list[str]], end: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER, *table])
    parsed = parse_all(out.getvalue().encode())
    assert rows(parsed) == [tuple(row) for row in table]
    assert not any(raw.faults for raw in parsed)


@given(st.text(st.sampled_from('ab",\n\r'), max_size=60))
@settings(max_examples=500)
def test_whatever_the_quotes_it_is_read_as_by_python(text: str) -> None:
    """Also where a quote stands in the middle, or is never closed, and however it was cut."""
    expected = [row for row in csv.reader(io.StringIO(f"a,b,c\n{text}\n", newline="")) if row][1:]
    parsed = parse_all(f"a,b,c\n{text}\n".encode())
    assert sum(raw.count for raw in parsed) == len(expected)
    kept = iter(rows(parsed))
    start = 0
    for raw in parsed:
        for position in raw.positions:
            row = expected[start + position]
            while len(row) > 3 and not row[-1]:
                row = row[:-1]
            assert next(kept) == tuple(row)
        start += raw.count


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1))
def test_both_ways_of_parsing_agree(table: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table)
    parser = CsvParser(HEADER, ",", 1000)
    chunk = out.getvalue().encode()
    fast = parser._parse_fast(chunk)
    exact = parser._parse_exactly(chunk, is_first=False)
    assert fast is None or (fast.count, rows([fast])) == (exact.count, rows([exact]))


def test_regular_rows_take_the_fast_way() -> None:
    chunk = b'x,"y, ""z""\nw",\r\n1,2,3\n'
    fast = CsvParser(HEADER, ",", 1000)._parse_fast(chunk)
    assert fast
    assert rows([fast]) == [("x", 'y, "z"\nw', ""), ("1", "2", "3")]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"1,2", "columns", "expected 3, found 2"),
        (b"1,2,3,4", "columns", "expected 3, found 4"),
        (b"1,\0,3", "NUL bytes", "1 of them"),
        (b"1,caf\xe9,3", "encoding", "0xE9"),
        (b"1," + b"x" * 2000 + b",3", "row too large", "2004 bytes; data.max_row_bytes is 1000"),
    ],
)
def test_a_bad_row_is_set_aside_alone(line: bytes, reason: str, detail: str) -> None:
    data = b"a,b,c\n" + b"r,s,t\n" * 5 + line + b"\n" + b"u,v,w\n" * 5
    parsed = parse_all(data)
    (fault,) = (fault for raw in parsed for fault in raw.faults)
    assert (fault.reason, detail in fault.detail) == (reason, True)
    assert fault.source
    assert len(fault.source) < 2100
    assert rows(parsed) == [("r", "s", "t")] * 5 + [("u", "v", "w")] * 5
    assert sum(raw.count for raw in parsed) == 11


def test_empty_cells_beyond_the_header_are_no_fault() -> None:
    assert rows(parse_all(b"a,b,c\n1,2,3,,\n")) == [("1", "2", "3")]


def test_a_row_of_10_mb() -> None:
    big = b'1,"' + b"x\n" * (5 << 20) + b'",3\n'
    parsed = parse_all(b"a,b,c\n4,5,6\n" + big + b"7,8,9\n", chunk_bytes=1 << 20, limit=262_144)
    (fault,) = (fault for raw in parsed for fault in raw.faults)
    assert fault.reason == "row too large"
    assert len(fault.source) < 2100
    assert rows(parsed) == [("4", "5", "6"), ("7", "8", "9")]


def test_a_quote_that_nobody_closed_costs_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_format, "_LONGEST_ROW", 1000)
    data = b"a,b,c\n" + b"1,2,3\n" * 50 + b'1,"2,3\n' + b"1,2,3\n" * 2000
    parsed = parse_all(data, chunk_bytes=100, limit=1000)
    assert sum(raw.count for raw in parsed) == 2051
    assert len(rows(parsed)) >= 2049


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    sample = delimiter.join(["title", "description", "brand"]) + "\n"
    sample += delimiter.join(["Shoe", '"Red, soft; light | new"', "Nike"]) + "\n"
    assert sniff(sample, "f.csv", "", RULES) == (delimiter, ("title", "description", "brand"))


def test_a_wrong_delimiter_is_told_with_the_right_one() -> None:
    with pytest.raises(
        FeedError, match=r"semicolon ';' .* one column in f\.csv.*comma ',' would find 2: title, ad"
    ):
        sniff("title,ad\nShoe,Buy\n", "f.csv", ";", RULES)


@pytest.mark.parametrize("sample", ["", "\n\n", "\ufeff", ",,,\n"])
def test_an_empty_file(sample: str) -> None:
    with pytest.raises(FeedError, match=r"f\.csv is empty"):
        sniff(sample, "f.csv", "", RULES)


def test_headers_are_told_apart() -> None:
    assert unique_header([" a ", "", "a", "a", ""]) == ("a", "column 2", "a (2)", "a (3)", "column 5")


def test_the_csv_module_is_left_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    parse_all(b'a,b,c\n1,5" pipe,3\n' * 20)
    assert csv.field_size_limit() == before
