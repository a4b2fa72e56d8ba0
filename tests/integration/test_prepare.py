"""``ray_jobs prepare``: real feeds, bad feeds, interruptions."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcraft.data.dataset import PreparedDataset
from adcraft.data.manifest import SPLITS
from ray_jobs.command_line import main
from tests.small_disk import small_disk

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("ray_session")]

ROOT = Path(__file__).parents[2]
REAL = ROOT / "../shared/data"
MYNTRA = REAL / "products/myntra_products_catalog.csv"
ADS = REAL / "ad_copy/product_ads.csv"
needs_real_data = pytest.mark.skipif(not MYNTRA.exists(), reason="../shared/data is not here")

HEADER = "id,title,brand,description\n"
GOOD = "".join(f"{i},Shoe {i},Brand,A shoe of kind {i} for running.\n" for i in range(20))


class Prepare:
    """Runs the command in this process, on the session's Ray."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, source: Path | str, *options: str, root: Path | None = None) -> dict[str, Any]:
        """The JSON line of a run, and what it wrote to standard error as ``stderr``."""
        overrides = [f"data.source={source}", f"data.root={root or self.folder / 'data'}", *options]
        code = main(["prepare", *(part for text in overrides for part in ("--set", text))])
        out, err = self._capsys.readouterr()
        line: dict[str, Any] = json.loads(out.splitlines()[-1])
        assert line["ok"] is (code == 0)
        assert line.get("exit_code", 0) == code
        return {**line, "stderr": err}

    def feed(self, content: str | bytes, name: str = "feed.csv") -> Path:
        """A feed file."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def prepare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Prepare:
    return Prepare(tmp_path, capsys)


def opened(line: dict[str, Any]) -> PreparedDataset:
    return PreparedDataset.at(Path(line["path"]))


def kept_rows(line: dict[str, Any]) -> list[dict[str, str | None]]:
    return [row for split in SPLITS for row in opened(line).rows(split)]


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def nothing_half_written(root: Path) -> bool:
    """No version and no folder in work; hidden files such as the lock may stay."""
    return not [path for path in root.rglob("*") if path.is_dir() and path != root / "products"]


@needs_real_data
def test_myntra_is_accounted_for(prepare: Prepare) -> None:
    line = prepare(MYNTRA)
    rows = line["rows"]
    assert rows["in"] == 12_491 == rows["kept"] + rows["rejected"] + rows["duplicates"]
    assert rows["duplicates"] > 700
    dataset = opened(line)
    kept = kept_rows(line)
    assert len(kept) == rows["kept"] == sum(line["splits"].values())
    assert len(pq.read_table(dataset.split_files("rejected")[0])) == rows["rejected"]
    with MYNTRA.open(encoding="utf-8-sig", newline="") as file:
        source = list(csv.DictReader(file))
    for row in kept[:: len(kept) // 50]:
        name, number = str(row["source_row"]).rsplit(":", 1)
        original = source[int(number) - 1]
        assert name == MYNTRA.name
        assert row["id"] == original["ProductID"]
        assert row["brand"] == original["ProductBrand"].strip()
        assert row["color"] == (original["PrimaryColor"].strip() or None)
        assert row["target"]
        assert len(row["target"]) <= 160
        assert row["target_field"] == "description"
    splits_of: dict[tuple[str | None, str | None], set[str]] = {}
    for split in SPLITS:
        for row in dataset.rows(split):
            splits_of.setdefault((row["product_name"], row["brand"]), set()).add(split)
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert "12,491" in line["stderr"]
    assert (dataset.path / "report.txt").read_text() in line["stderr"]


@needs_real_data
def test_two_cpus_or_eight_give_the_same_bytes(prepare: Prepare, tmp_path: Path) -> None:
    on_eight = prepare(MYNTRA)
    arguments = ["prepare", "--set", f"data.source={MYNTRA}", "--set", f"data.root={tmp_path / 'two'}"]
    done = command(*arguments, "--set", "ray.num_cpus=2", capture=True)
    out, _ = done.communicate(timeout=250)
    on_two = json.loads(out.splitlines()[-1])
    assert on_two["version"] == on_eight["version"]
    assert tree(Path(on_two["path"])) == tree(Path(on_eight["path"]))


@needs_real_data
def test_ads_are_learnt_from_a_feed_without_brands(prepare: Prepare) -> None:
    line = prepare(ADS, "data.target=ad")
    assert line["rows"]["in"] == 421
    assert line["target_fields"] == {"ad": line["rows"]["kept"]}
    assert {row["brand"] for row in kept_rows(line)} == {None}
    plain = prepare(ADS)
    assert plain["target_fields"] == {"ad": plain["rows"]["kept"]}
    described = prepare(ADS, "data.target=description")
    assert set(described["target_fields"]) == {"description"}


def test_duplicates_are_found_over_the_whole_set_and_more_rows_make_no_more_series(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    series: Counter[tuple[str, ...]] = Counter()
    monkeypatch.setattr(
        "ray.util.metrics.Metric._record",
        lambda self, value, tags=None: series.update({(self.info["name"], *(tags or {}).values()): value}),
    )
    once = "".join(f"{{}}{i},Shoe {i},Brand,{'words ' * 40}{i}.\n" for i in range(12_000))
    feed = prepare.feed(HEADER + once.format(*["1"] * 12_000) + once.format(*["2"] * 12_000))
    assert feed.stat().st_size > 6 << 20  # so that equal rows lie in different chunks
    line = prepare(feed, "data.target_chars=300")
    assert line["rows"] == {"in": 24_000, "kept": 12_000, "rejected": 0, "duplicates": 12_000}
    assert all(int(str(row["source_row"]).split(":")[1]) <= 12_000 for row in kept_rows(line))
    ours = {labels: count for labels, count in series.items() if labels[0].startswith("adcraft_")}
    assert ours == {
        ("adcraft_prepare_rows_total", "kept"): 12_000,
        ("adcraft_prepare_rows_total", "duplicate"): 12_000,
    }


def test_every_format_gives_the_same_rows(prepare: Prepare) -> None:
    import datasets

    table = [
        {"id": str(i), "title": f"Shoe {i}", "brand": "Brand", "description": f"Kind {i}.", "price": i * 1.5}
        for i in range(30)
    ]
    written = "".join(
        f"{r['id']}\t{r['title']}\t{r['brand']}\t{r['description']}\t{r['price']}\n" for r in table
    )
    prepare.feed("id\ttitle\tbrand\tdescription\tprice\n" + written, "a.csv")
    prepare.feed("\n".join(json.dumps(row) for row in table), "b.jsonl")
    pq.write_table(pa.Table.from_pylist(table), prepare.folder / "c.parquet")
    datasets.Dataset.from_list(table).save_to_disk(str(prepare.folder / "d"))
    files = [prepare.folder / name for name in ("a.csv", "b.jsonl", "c.parquet")]
    sources: list[Path | str] = [*files, f"hf:{prepare.folder / 'd'}"]
    wanted = ("id", "product_name", "brand", "price", "target")
    found = [
        sorted([row[name] for name in wanted] for row in kept_rows(prepare(source))) for source in sources
    ]
    assert found[0] == found[1] == found[2] == found[3]
    line = prepare(prepare.folder / "[abc].*")
    assert line["rows"] == {"in": 90, "kept": 30, "rejected": 0, "duplicates": 60}


def test_a_mapping_for_columns_with_names_of_their_own(prepare: Prepare) -> None:
    feed = prepare.feed(
        "nr;was;wer;werbung\n" + "".join(f"{i};Schuh {i};Müller;Kauf {i}!\n" for i in range(9))
    )
    line = prepare(feed, "data.columns={product_name: was, brand: wer}", "data.target=werbung")
    assert line["target_fields"] == {"ad": 9}
    assert {row["brand"] for row in kept_rows(line)} == {"Müller"}


def test_bad_rows_are_set_aside_with_reason_and_source(prepare: Prepare) -> None:
    bad = [b"1,,B,A hat.", b"2,Hat,B,", b"3,Hat", b"4,H\0t,B,A hat.", b"5,caf\xe9,B,A hat.",
           b"6,Hat,B," + b"x" * (10 << 20), b"7," + b"long " * 100 + b",B,A hat."]  # fmt: skip
    feed = prepare.feed(
        (HEADER + GOOD).encode() + b"\n".join(bad) + b"\n" + GOOD.replace("Shoe", "Boot").encode()
    )
    line = prepare(feed, "data.encoding=utf-8")
    assert line["rows"] == {"in": 47, "kept": 40, "rejected": 7, "duplicates": 0}
    rejected = pq.read_table(opened(line).split_files("rejected")[0]).to_pylist()
    assert [(row["row"], row["reason"]) for row in rejected] == [
        (21, "product_name is missing"),
        (22, "no text to learn"),
        (23, "columns"),
        (24, "NUL bytes"),
        (25, "encoding"),
        (26, "row too large"),
        (27, "product_name is too long"),
    ]
    assert all(row["source"] and len(row["source"]) < 2100 for row in rejected)
    assert rejected[2]["source"] == "3,Hat"
    assert line["reasons"] == Counter(row["reason"] for row in rejected)
    assert "expected 4, found 2" in line["stderr"]


def test_the_same_again_is_reused(prepare: Prepare) -> None:
    feed = prepare.feed(HEADER + GOOD)
    first = prepare(feed)
    before = tree(Path(first["path"]))
    second = prepare(feed)
    assert (first["reused"], second["reused"]) == (False, True)
    assert first["version"] == second["version"]
    assert tree(Path(first["path"])) == before
    other = prepare(feed, "data.split.seed=14")
    assert other["version"] != first["version"]


BAD_INPUT: dict[str, tuple[str | bytes | None, list[str], int, str]] = {
    "missing file": (None, [], 3, "There is no feed at"),
    "wrong delimiter": (HEADER + GOOD, ["data.delimiter=;"], 3, "The comma ',' would find 4"),
    "unknown encoding": (HEADER + GOOD, ["data.encoding=utf-99"], 2, "data.encoding = 'utf-99'"),
    "not text": (bytes(range(256)) * 50, [], 3, "not text in any encoding"),
    "a column that isn't there": (HEADER + GOOD, ["data.columns={brand: Brnd}"], 3, "no column 'Brnd'"),
    "a target that isn't there": (HEADER + GOOD, ["data.target=promo"], 3, "data.target = 'promo'"),
    "no product name": ("a,b\n1,2\n", [], 3, "no column that looks like product_name"),
    "nothing to learn from": ("title,brand\nShoe,Nike\n", [], 3, "no column with a text to learn"),
    "empty": ("", [], 3, "is empty"),
    "a header alone": (HEADER, [], 3, "has no rows"),
    "all rows bad": (HEADER + "1,,B,x\n2,Shoe,B,\n3\n", [], 3, "None of the 3 rows"),
    "one row of 10 MB": (HEADER + f"1,Shoe,B,{'x' * (10 << 20)}\n", [], 3, "row too large (1)"),
    "NUL bytes": (b"id,title,brand,description\n1,Sh\0e,B,A shoe.\n", [], 3, "NUL bytes (1)"),
    "no number of rows": (HEADER + GOOD, ["data.max_row_bytes=many"], 2, "data.max_row_bytes"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_sentence_and_an_exit_code(prepare: Prepare, case: str) -> None:
    content, options, code, message = BAD_INPUT[case]
    source = prepare.folder / "none.csv" if content is None else prepare.feed(content)
    line = prepare(source, *options)
    assert_explained(prepare, line, code, message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf:nobody/nothing", "can't be reached for the dataset nobody/nothing"),
        ("s3://bucket/feed.csv", "is a URL"),
        ("", "No feed is named"),
    ],
)
def test_sources_that_are_no_path(prepare: Prepare, source: str, message: str) -> None:
    started = time.monotonic()
    assert_explained(prepare, prepare(source), 3, message)
    assert time.monotonic() - started < 30


def assert_explained(prepare: Prepare, line: dict[str, Any], code: int, message: str) -> None:
    assert line["exit_code"] == code
    assert message in line["error"]
    assert line["error"] in line["stderr"]
    assert "Traceback" not in line["stderr"]
    assert len(line["error"]) < 700
    assert nothing_half_written(prepare.folder / "data")


def test_a_root_that_can_t_be_written(prepare: Prepare) -> None:
    feed = prepare.feed(HEADER + GOOD)
    line = prepare(feed, root=feed)
    assert line["exit_code"] == 9
    assert "data.root" in line["error"]


def test_a_full_disk(prepare: Prepare, tmp_path: Path) -> None:
    rows = "".join(f"{i},Shoe {i},Brand,{os.urandom(100).hex()}\n" for i in range(10_000))
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "1m"):
        line = prepare(prepare.feed(HEADER + rows), root=disk)
        assert line["exit_code"] == 9
        assert line["error"].startswith("The disk is full")
        assert "Traceback" not in line["stderr"]
        assert nothing_half_written(disk)


def command(*arguments: str, capture: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ray_jobs", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE if capture else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_interrupted_and_then_killed_while_preparing(prepare: Prepare) -> None:
    import ray

    feed = prepare.feed(HEADER + "".join(f"{i},Shoe {i},Brand,{i} {'words ' * 40}.\n" for i in range(60_000)))
    root = prepare.folder / "data"
    address = ray.get_runtime_context().gcs_address
    settings = [f"data.source={feed}", f"data.root={root}", f"ray.address={address}"]

    def end_it_by(number: signal.Signals) -> tuple[int, str]:
        """Its exit code, and what it said."""
        job = command("prepare", *(part for text in settings for part in ("--set", text)), capture=True)
        deadline = time.monotonic() + 100
        while not list(root.glob("products/.preparing-*/parts/*")):
            assert job.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        job.send_signal(number)
        out, _ = job.communicate(timeout=100)
        assert not list(root.glob("products/[!.]*"))
        return job.returncode, out

    code, said = end_it_by(signal.SIGTERM)
    assert code == 130
    assert json.loads(said)["error"].startswith("Interrupted")
    assert nothing_half_written(root)
    assert end_it_by(signal.SIGKILL) == (-signal.SIGKILL, "")
    line = prepare(feed)
    assert line["rows"]["in"] == 60_000
    assert not list(root.glob("products/.preparing-*"))
