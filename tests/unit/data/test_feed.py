"""Files, folders, globs and Hugging Face datasets, found and read."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcraft.data.columns import ColumnRules
from adcraft.data.feed import Feed, open_feed
from adcraft.errors import FeedError
from adcraft.settings import DataSettings
from adcraft.workloads import get_workload

RULES = ColumnRules.of(get_workload("ad_copy"), {})
ROWS: list[dict[str, str | None]] = [{"title": "Shoe", "ad": "Run."}, {"title": "Hat", "ad": None}]
Row = dict[str, str | None]


def look(source: Path | str, **settings) -> Feed:
    return open_feed(DataSettings(source=str(source), **settings), RULES)


def read(feed: Feed) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for file in feed.files:
        for number, chunk in enumerate(file.chunks()):
            raw = file.parser.parse(chunk, is_first=number == 0)
            assert not raw.faults
            found.setdefault(file.name, []).extend(pa.table(dict(raw.columns)).to_pylist())
    return found


def write_csv(path: Path, text: str = "title,ad\nShoe,Run.\nHat,\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_formats_by_name(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    write_csv(tmp_path / "b.tsv", "title\tad\nShoe\tRun.\nHat\t\n")
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "d.parquet")
    found = read(look(tmp_path))
    assert list(found) == ["a.csv", "b.tsv", "c.jsonl", "d.parquet"]
    empty = [{"title": "Shoe", "ad": "Run."}, {"title": "Hat", "ad": ""}]
    assert found == {"a.csv": empty, "b.tsv": empty, "c.jsonl": ROWS, "d.parquet": ROWS}


def test_formats_by_content(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "feed.parquet")
    parquet = (tmp_path / "feed.parquet").rename(tmp_path / "feed.1")
    lines = tmp_path / "feed.2"
    lines.write_text(json.dumps(ROWS[0]))
    assert look(parquet).files[0].format == "parquet"
    assert look(lines).files[0].format == "jsonl"
    assert look(write_csv(tmp_path / "feed.3")).files[0].format == "csv"
    assert look(write_csv(tmp_path / "feed.json"), format="csv").files[0].format == "csv"


def test_folders_and_globs_go_by_name(tmp_path: Path) -> None:
    for name in ("b/2.csv", "a/1.csv", "a/10.csv", ".hidden/x.csv", "_tmp.csv"):
        write_csv(tmp_path / name)
    (tmp_path / "readme.md").write_text("no feed")
    assert [file.name for file in look(tmp_path).files] == ["a/1.csv", "a/10.csv", "b/2.csv"]
    assert [file.name for file in look(tmp_path / "*" / "1*.csv").files] == ["a/1.csv", "a/10.csv"]
    assert [file.name for file in look(tmp_path / "**" / "2.csv").files] == ["b/2.csv"]


def test_values_of_all_types_become_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "title": pa.array(["Shoe"]).dictionary_encode(),
            "price": pa.array([1899.0]),
            "stock": pa.array([3], pa.int64()),
            "specs": pa.array([{"Fabric": "Cotton", "Sizes": ["S", "M"]}]),
            "tags": pa.array([["a", "b"]]),
            "image": pa.array([b"png"]),
            "images": pa.array([[{"bytes": b"png"}]]),
        }
    )
    pq.write_table(table, tmp_path / "feed.parquet")
    assert read(look(tmp_path))["feed.parquet"] == [
        {
            "title": "Shoe",
            "price": "1899",
            "stock": "3",
            "specs": "Fabric: Cotton; Sizes: S, M",
            "tags": "a, b",
        }
    ]


def test_bad_json_lines_are_set_aside(tmp_path: Path) -> None:
    lines = [
        b'{"title": "Shoe", "ad": "Run."}',
        b'{"title": "Hat"',
        b"[1, 2]",
        b'{"title": "caf\xe9"}',
        b'{"title": "a\0b"}',
        b'{"title": "' + b"x" * 2000 + b'"}',
        b"[" * 100_000,
        b'{"brand": "Late", "title": "Cap"}',
    ]
    (tmp_path / "feed.jsonl").write_bytes(b"\n".join(lines))
    (file,) = look(tmp_path, max_row_bytes=1024, encoding="utf-8").files
    raw = file.parser.parse(b"".join(file.chunks()), is_first=True)
    assert [fault.reason for fault in raw.faults] == [
        "not JSON", "not an object", "encoding", "NUL bytes", "row too large", "row too large",
    ]  # fmt: skip
    assert raw.count == len(lines)
    assert pa.table(dict(raw.columns)).to_pydict() == {
        "title": ["Shoe", "Cap"], "ad": ["Run.", None], "brand": [None, "Late"],
    }  # fmt: skip
    assert raw.positions == [0, 7]


def test_long_lines_stay_whole(tmp_path: Path) -> None:
    rows = [{"title": str(index), "ad": "x" * 200_000} for index in range(30)]
    (tmp_path / "feed.jsonl").write_text("\n".join(map(json.dumps, rows)))
    feed = look(tmp_path)
    assert len(list(feed.files[0].chunks())) > 1
    assert read(feed)["feed.jsonl"] == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("feed.csv", b"", "feed.csv is empty"),
        ("feed.jsonl", b"\n \n", "feed.jsonl is empty"),
        ("feed.json", b'[{"title": "x"}]', "is a JSON array, not JSON Lines.*jq"),
        ("feed.xlsx", b"PK", "is a spreadsheet. Save it as CSV"),
        ("feed.parquet", b"PAR1 and then nothing", "is no Parquet file"),
        ("feed.csv.gz", b"no gzip", "can't be read: Not a gzipped file"),
    ],
)
def test_what_is_no_feed(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FeedError, match=message):
        look(tmp_path / name)


def test_where_nothing_is(tmp_path: Path) -> None:
    cases = {
        "": "No feed is named: set data.source",
        str(tmp_path / "none.csv"): r"There is no feed at .*none\.csv",
        str(tmp_path / "*.csv"): "No file matches",
        str(tmp_path): "has no feed file .*It is empty",
        "s3://bucket/feed.csv": "is a URL",
    }
    for source, message in cases.items():
        with pytest.raises(FeedError, match=message):
            look(source)
    (tmp_path / "readme.md").touch()
    with pytest.raises(FeedError, match=r"It has readme\.md"):
        look(tmp_path)


class TestHuggingFace:
    """Datasets that ``save_to_disk`` wrote, and a hub that can't be reached."""

    def save(self, folder: Path, *, splits: bool) -> Path:
        import datasets

        features = datasets.Features(
            {"title": datasets.Value("string"), "ad": datasets.Value("string"),
             "category": datasets.ClassLabel(names=["shoes", "hats"])}
        )  # fmt: skip
        rows = [{**row, "category": index} for index, row in enumerate(ROWS)]
        whole = datasets.Dataset.from_list(rows, features=features)
        saved = datasets.DatasetDict({"train": whole, "test": whole.select([0])}) if splits else whole
        saved.save_to_disk(str(folder))
        return folder

    def test_a_folder_with_splits(self, tmp_path: Path) -> None:
        folder = self.save(tmp_path / "shop", splits=True)
        found = read(look(f"hf:{folder}"))
        assert found == {
            "shop:train": [{**ROWS[0], "category": "shoes"}, {**ROWS[1], "category": "hats"}],
            "shop:test": [{**ROWS[0], "category": "shoes"}],
        }
        assert list(read(look(f"hf:{folder}:test"))) == ["shop:test"]
        with pytest.raises(FeedError, match="has no split 'dev'; it has train, test"):
            look(f"hf:{folder}:dev")

    def test_a_folder_is_known_by_its_look(self, tmp_path: Path) -> None:
        folder = self.save(tmp_path / "shop", splits=False)
        (file,) = look(folder).files
        assert (file.format, file.name) == ("huggingface", "shop")

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(FeedError, match="is no dataset that save_to_disk wrote"):
            look(f"hf:{tmp_path}")

    def test_no_hub(self) -> None:
        with pytest.raises(
            FeedError, match=r"hub https?://\S+ can't be reached for the dataset nobody/nothing"
        ):
            look("hf:nobody/nothing")
