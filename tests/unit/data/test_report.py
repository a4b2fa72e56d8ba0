"""The report for people."""

from adcraft.data.manifest import Lengths, Manifest, SourceFile
from adcraft.data.report import render
from tests.prepared import write_prepared


def manifest(tmp_path, **changes) -> Manifest:
    written = write_prepared(tmp_path).manifest
    file = SourceFile.model_validate(
        {"name": "feed.csv", "format": "csv", "bytes": 1, "rows": 1200,
         "encoding": "cp1252", "delimiter": ";",
         "columns": {"product_name": ["title", "name"], "ad": ["ad"]}, "unused": ["stock"]}
    )  # fmt: skip
    shown = {
        "source": written.source.model_copy(update={"files": (file,)}),
        "reasons": {"columns": 3},
        "nulls": {"product_name": 0, "ad": 50, "tone": 200},
        "lengths": {
            "product_name": Lengths(median=20, p95=40, longest=1100),
            "ad": Lengths(median=90, p95=150, longest=160),
        },
        "rows": written.rows.model_copy(update={"rejected": 3}),
    }
    return written.model_copy(update=shown | changes)


def test_says_where_every_row_went_and_why(tmp_path) -> None:
    rejected = [
        {
            "file": "feed.csv",
            "row": 7,
            "reason": "columns",
            "detail": "expected 4, found 3",
            "source": "a;\nb",
        }
    ]
    text = render(manifest(tmp_path), rejected)
    lines = text.splitlines()
    assert "  feed.csv: 1,200 rows (csv, cp1252, delimiter ';')" in lines
    assert "  rejected      3  1.5%" in lines
    assert "  columns  3  100.0%" in lines
    assert "  feed.csv:7: columns (expected 4, found 3): a; b" in lines
    assert "  product_name   0.0%      20   40    1,100  title, else name" in lines
    assert "  without any value: tone" in lines
    assert "  columns that are not used: stock" in lines
    assert "Note: feed.csv was read as cp1252, by its looks. Set data.encoding if letters are wrong." in lines
    assert "\n\n\n" not in text


def test_what_there_is_none_of_is_not_mentioned(tmp_path) -> None:
    text = render(manifest(tmp_path, reasons={}, blanked={}), [])
    assert "Why rows were rejected" not in text
    assert "left out" not in text


def test_ids_that_are_none(tmp_path) -> None:
    assert "150 of 200 rows count as one product" in render(manifest(tmp_path, largest_product=150), [])
