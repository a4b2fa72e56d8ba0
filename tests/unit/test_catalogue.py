"""A catalogue cut into slices and put together again: every row once, in its place."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.catalogue_copy import AdForm
from adcraft.ad_copy.workload import WORKLOAD
from adcraft.catalogue.assembly import assemble
from adcraft.catalogue.plan import CataloguePlan, missing
from adcraft.catalogue.run import done_before, finish
from adcraft.catalogue.slicing import cut
from adcraft.catalogue.survey import SLICE_ROWS, Survey, survey
from adcraft.data.columns import ColumnRules
from adcraft.data.feed import open_feed
from adcraft.data.refining import RowRules
from adcraft.inference.bundle import Bundle
from adcraft.registry import ModelVersion
from adcraft.settings import DataSettings, GenerateSettings

COLUMNS = replace(ColumnRules.of(WORKLOAD, {}), target_fields=())
RULES = RowRules(WORKLOAD, COLUMNS, 160)


@given(st.lists(st.lists(st.integers(0, 3 * SLICE_ROWS), max_size=4), min_size=1, max_size=4))
def test_slices_hold_every_row_once_in_order(counts: list[list[int]]) -> None:
    surveyed = Survey("", counts)
    found = [
        (each.file, each.first_row + position)
        for each in surveyed.slices()
        for position in range(each.start, each.stop)
    ]
    assert found == [(file, row) for file, chunks in enumerate(counts) for row in range(1, sum(chunks) + 1)]
    names = [each.name for each in surveyed.slices()]
    assert names == sorted(set(names))
    assert surveyed.rows == len(found)


def write_feed(folder: Path) -> Path:
    """1,300 rows, every seventh without a name; no text to learn in any."""
    rows = [f"{number},{'' if number % 7 == 0 else f'Shoe {number}'},Acme" for number in range(1300)]
    file = folder / "feed.csv"
    file.write_text("\n".join(["id,product_name,brand", *rows]))
    return file


def a_plan(folder: Path, output: str, **settings: str) -> CataloguePlan:
    feed = open_feed(DataSettings(source=str(write_feed(folder))), COLUMNS)
    return CataloguePlan(
        feed=feed,
        rules=RULES,
        survey=survey(feed.files),
        version=ModelVersion("ad_copy", "1", (), "run", "name", "", ""),
        bundle=Bundle(folder, None),  # type: ignore[arg-type]
        output=folder / output,
        folder=folder / "work",
        form=AdForm.of(GenerateSettings.model_validate(settings or {"variants": 2})),
        settings=GenerateSettings(),
    )


def test_slices_of_a_feed_have_its_good_rows_and_its_faults_in_order(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, "copy.csv")
    (file,) = plan.feed.files
    (chunk,) = file.chunks()
    rows = RULES.refine(file.parser.parse(chunk, is_first=True))
    tables = [cut(rows, each, RULES) for each in plan.survey.slices()]
    assert [len(table) for table in tables] == [512, 512, 276]
    whole = pa.concat_tables(tables)
    assert whole["position"].to_pylist() == list(range(1300))
    for number, (name, error) in enumerate(
        zip(whole["product_name"].to_pylist(), whole["error"].to_pylist(), strict=True)
    ):
        if number % 7 == 0:
            assert (name, error) == (None, "product_name is missing: the cell is empty")
        else:
            assert (name, error) == (f"Shoe {number}", None)


def test_what_a_feed_is_known_by_is_its_content(tmp_path: Path) -> None:
    file = write_feed(tmp_path)
    settings = DataSettings(source=str(file))
    before = survey(open_feed(settings, COLUMNS).files)
    assert before.rows == 1300
    file.write_text(file.read_text().replace("Shoe 1299", "Boot 1299"))
    assert survey(open_feed(settings, COLUMNS).files).digest != before.digest


def write_parts(plan: CataloguePlan) -> None:
    plan.parts.mkdir(parents=True)
    for each in plan.survey.slices():
        rows = [
            {
                "row": position,
                "id": str(position),
                "product_name": f'Shoe "{position}", red\nand blue',
                "brand": None,
                "creative": f"Buy {position} 👟",
                "creative_2": None,
                "link": f"https://shop.example/{position}",
                "campaign": "Adcraft",
                "ad_group": str(position),
                "headline_1": f"Buy {position} 👟",
                "error": "no name" if position == 7 else None,
            }
            for position in range(each.start, each.stop)
        ]
        schema = pa.schema([(name, pa.int64() if name == "row" else pa.string()) for name in plan.columns])
        with pa.ipc.new_file(str(plan.parts / each.name), schema) as writer:
            writer.write_table(pa.Table.from_pylist(rows, schema))


@pytest.mark.parametrize("output", ["copy.csv", "copy.jsonl", "copy.parquet"])
def test_the_output_has_the_rows_of_all_parts_in_order(tmp_path: Path, output: str) -> None:
    plan = a_plan(tmp_path, output)
    assert len(missing(plan)) == 3
    write_parts(plan)
    assert missing(plan) == []
    assert assemble(plan) == 1
    if output.endswith("csv"):
        with plan.output.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    elif output.endswith("jsonl"):
        rows = [json.loads(line) for line in plan.output.read_text("utf-8").splitlines()]
    else:
        rows = pq.read_table(plan.output).to_pylist()
    assert [row["row"] for row in rows] == [f"feed.csv:{number}" for number in range(1, 1301)]
    assert rows[0]["product_name"] == 'Shoe "0", red\nand blue'
    assert [row["creative"] for row in rows] == [f"Buy {number} 👟" for number in range(1300)]
    assert rows[7]["error"] == "no name"
    assert not any(row.get("error") for row in [*rows[:7], *rows[8:]])
    assert np.all([set(row) <= set(plan.columns) for row in rows])


@pytest.mark.parametrize("output", ["copy.csv", "copy.parquet"])
def test_an_upload_has_the_rows_that_did_not_fail_in_order(tmp_path: Path, output: str) -> None:
    plan = a_plan(tmp_path, output, placement="google_rsa", upload="google_ads_editor")
    write_parts(plan)
    assert assemble(plan) == 1
    assert plan.upload == tmp_path / "copy.google_ads_editor.csv"
    with plan.upload.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    written = [str(number) for number in range(1300) if number != 7]
    assert [row["Ad Group"] for row in rows] == written
    assert [row["Headline 1"] for row in rows] == [f"Buy {number} 👟" for number in written]
    assert {row["Status"] for row in rows} == {"Paused"}
    assert plan.output.exists()
    assert not list(tmp_path.glob(".*partial"))


def test_what_was_done_before_is_done_if_all_its_files_are_unchanged(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, "copy.csv", placement="meta", upload="meta")
    write_parts(plan)
    copy = finish(plan)
    assert done_before(plan) == copy
    assert copy.upload_sha256 != copy.sha256
    assert plan.upload is not None
    plan.upload.write_bytes(plan.upload.read_bytes() + b" ")
    assert done_before(plan) is None
    plan.upload.unlink()
    assert done_before(plan) is None


def test_without_an_upload_there_is_one_file(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, "copy.csv")
    write_parts(plan)
    copy = finish(plan)
    assert (plan.upload, copy.upload_sha256, done_before(plan)) == (None, "", copy)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["copy.csv", "feed.csv"]
