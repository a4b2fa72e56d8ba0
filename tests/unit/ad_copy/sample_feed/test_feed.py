"""Files: complete or absent, the same bytes each time, in flat memory, readable as what they claim to be."""

import csv
import hashlib
import json
import logging
import os
import tracemalloc
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adcraft.ad_copy.sample_feed import feed as feed_module
from adcraft.ad_copy.sample_feed import formats
from adcraft.ad_copy.sample_feed.brands import brand
from adcraft.ad_copy.sample_feed.dirt import DAMAGES, Dirt
from adcraft.ad_copy.sample_feed.feed import WrittenFeed, write_feed
from adcraft.ad_copy.sample_feed.products import Product, products
from adcraft.errors import SettingsError, StorageError

SUFFIXES = ("csv", "jsonl", "parquet")
only = {kind: Dirt(share=1, kinds=(kind,)) for kind in DAMAGES}


def read(path: Path) -> list[Product]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [Product(**row) for row in csv.DictReader(file)]
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as file:
            return [Product(**json.loads(line)) for line in file]
    return [Product(**row) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(tmp_path: Path, suffix: str):
    path = tmp_path / "new" / f"feed.{suffix}"
    written = write_feed(path, 200, seed=3)
    assert read(path) == list(products(200, seed=3))
    assert written == WrittenFeed(
        path, 200, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest(), damage={}
    )
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dirt", [None, Dirt()])
def test_same_arguments_same_bytes(tmp_path: Path, suffix: str, dirt: Dirt | None):
    one, two = (write_feed(tmp_path / f"{n}.{suffix}", 500, 8, dirt) for n in (1, 2))
    assert one.sha256 == two.sha256
    assert one.damage == two.damage
    assert write_feed(tmp_path / f"3.{suffix}", 500, 9, dirt).sha256 != one.sha256


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("dirt", [None, Dirt()])
def test_a_short_file_is_the_beginning_of_a_longer_one(tmp_path: Path, suffix: str, dirt: Dirt | None):
    short, long = tmp_path / f"short.{suffix}", tmp_path / f"long.{suffix}"
    write_feed(short, 120, 4, dirt)
    write_feed(long, 500, 4, dirt)
    assert long.read_bytes().startswith(short.read_bytes())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_counted(tmp_path: Path, suffix: str):
    path = tmp_path / f"feed.{suffix}"
    written = write_feed(path, 2000, 2, Dirt())
    assert tuple(written.damage) == DAMAGES
    assert 0.09 < sum(written.damage.values()) / 2000 < 0.15
    assert min(written.damage.values()) > 5


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_wrong_encoding_is_not_utf_8(tmp_path: Path, suffix: str):
    path = tmp_path / f"feed.{suffix}"
    write_feed(path, 50, 1, only["wrong_encoding"])
    lines = path.read_bytes().splitlines()[-50:]
    for line in lines:
        with pytest.raises(UnicodeDecodeError):
            line.decode()
        assert "’" in line.decode("cp1252") or "é" in line.decode("cp1252")


def test_mojibake_in_parquet(tmp_path: Path):
    path = tmp_path / "feed.parquet"
    write_feed(path, 50, 1, only["wrong_encoding"])
    assert all("â€™" in row.description or "Ã©" in row.description for row in read(path))


def test_extra_delimiters(tmp_path: Path):
    for suffix in SUFFIXES:
        write_feed(tmp_path / f"feed.{suffix}", 50, 1, only["extra_delimiters"])
    with (tmp_path / "feed.csv").open(newline="", encoding="utf-8") as file:
        assert all(len(row) > len(Product._fields) for row in list(csv.reader(file))[1:])
    for line in (tmp_path / "feed.jsonl").read_text("utf-8").splitlines():
        with pytest.raises(json.JSONDecodeError):
            json.loads(line)
    assert all(row.attributes.endswith(";;") for row in read(tmp_path / "feed.parquet"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_rows(tmp_path: Path, suffix: str):
    path = tmp_path / f"feed.{suffix}"
    write_feed(path, 20, 1, only["empty_row"])
    assert [set(row) for row in read(path)] == [{None if suffix == "parquet" else ""}] * 20


@pytest.mark.parametrize(
    ("name", "rows", "seed", "message"),
    [
        ("feed.csv", 0, 1, r"0 rows .* 1 or more"),
        ("feed.csv", 1, -1, r"seed is -1; it must be 0 or more"),
        ("feed.xlsx", 1, 1, r"ends in '\.xlsx'; give it one of \.csv, \.jsonl, \.parquet"),
        ("feed", 1, 1, "has no suffix"),
        ("", 1, 1, "is a folder"),
    ],
)
def test_wrong_arguments_are_explained(tmp_path: Path, name: str, rows: int, seed: int, message: str):
    with pytest.raises(SettingsError, match=message):
        write_feed(tmp_path / name, rows, seed)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_explained(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"can't be written to .*: (?:File exists|Not a directory)"):
        write_feed(tmp_path / "file" / "feed.csv", 1, 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, OSError(28, os.strerror(28))])
def test_nothing_half_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, failure: type[BaseException] | OSError
):
    def broken(rows: int, seed: int):
        yield from products(300, seed)
        raise failure

    path = tmp_path / f"feed.{suffix}"
    monkeypatch.setattr(feed_module, "products", broken)
    with pytest.raises(failure if isinstance(failure, type) else OSError):
        write_feed(path, 1000, 1)
    assert list(tmp_path.iterdir()) == []
    path.write_text("what was there before", encoding="utf-8")
    with pytest.raises(failure if isinstance(failure, type) else OSError):
        write_feed(path, 1000, 1)
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["what was there before"]
    monkeypatch.undo()
    write_feed(path, 10, 1)
    assert len(read(path)) == 10


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    def peak(rows: int) -> int:
        tracemalloc.start()
        write_feed(tmp_path / f"{rows}.{suffix}", rows, 1, Dirt())
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    for number in range(10_800):  # the names of brands are kept: they are bounded, and not what could grow
        brand(number)
    monkeypatch.setattr(formats, "_ROWS_PER_GROUP", 500)
    peak(500)
    assert peak(8000) < 1.2 * peak(2000)


def test_progress_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(feed_module, "_REPORT_EVERY_S", 0)
    with caplog.at_level(logging.INFO):
        write_feed(tmp_path / "feed.csv", 4096, 1)
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "2048 of 4096 rows",
        "4096 of 4096 rows",
    ]
    assert "rows/s" in caplog.text
