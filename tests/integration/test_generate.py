"""Copy for a whole catalogue, on one small Ray: every row once, whatever happens meanwhile."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from adcraft.ad_copy.sample_feed.feed import write_feed
from adcraft.catalogue import survey
from adcraft.data import streaming
from tests.jobs import Job, TrainedHome, killing_a_worker, run_job

pytestmark = pytest.mark.integration

ROWS = 150
Generate = Callable[..., Job]


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("catalogue") / "feed.csv"
    write_feed(file, ROWS, 3, None)
    with file.open(newline="", encoding="utf-8") as written:
        header = next(csv.reader(written))
    with file.open("a", newline="", encoding="utf-8") as out:
        out.write("only an id\n")
        rows = csv.DictWriter(out, header, restval="")
        rows.writerow({"id": "x1", "title": "Dress", "description": "soft " * 1_000_000})  # 5 MB
        rows.writerow({"id": "x2", "title": "فستان أحمر طويل", "brand": "أيرا"})
        rows.writerow({"id": "x3", "title": "赤いコットンのワンピース", "brand": "アエラ"})
        rows.writerow({"id": "x4", "title": "Dress 💃", "brand": "Aera"})
    return file


@pytest.fixture(scope="module")
def in_folder(trained: TrainedHome, feed: Path) -> Iterator[Callable[[Path], Generate]]:
    """Generates into a folder, which is its home too."""

    def in_folder(folder: Path) -> Generate:
        home = [f"home={folder}", f"tracking.uri={trained.uri}", f"data.source={feed}", "generate.workers=2"]

        def generate(output: str = "copy.csv", *more: str) -> Job:
            into = f"generate.output={folder / output}"
            return run_job(trained.arguments, *home, into, *more, stage="generate")

        return generate

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(survey, "SLICE_ROWS", 40)
        yield in_folder


@pytest.fixture
def generate(in_folder: Callable[[Path], Generate], tmp_path: Path) -> Generate:
    return in_folder(tmp_path)


@pytest.fixture(scope="module")
def whole(in_folder: Callable[[Path], Generate], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job that nothing happened to."""
    job = in_folder(tmp_path_factory.mktemp("whole"))()
    assert job.code == 0, job.err
    return job


def read(job: Job) -> Sequence[dict[str, str]]:
    with Path(job.result["output"]).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_has_copy_or_a_reason(generate: Generate, feed: Path) -> None:
    job = generate("copy.csv", "generate.variants=2")
    assert job.code == 0, job.err
    rows = read(job)
    fed = ROWS + 5
    failed = sum(bool(row["error"]) for row in rows)
    assert job.result["rows"] == {"in": fed, "written": fed - failed, "failed": failed}
    assert [row["row"] for row in rows] == [f"feed.csv:{number}" for number in range(1, fed + 1)]
    by_id = {row["id"]: row for row in rows if row["id"]}
    assert rows[ROWS]["error"]  # only an id
    assert "5,0" in rows[ROWS + 1]["error"] or "bytes" in rows[ROWS + 1]["error"]
    assert not any(by_id[name]["error"] for name in ("x2", "x3", "x4"))
    for row in rows:
        assert bool(row["creative"]) != bool(row["error"])
        assert row["product_name"] or row["error"]
    assert "rows/s, about 0:00:00 left" in job.err

    again = generate("copy.csv", "generate.variants=2")
    assert again.result["reused"] is True
    assert again.result["sha256"] == job.result["sha256"]


def test_an_upload_has_each_ad_and_where_it_leads(generate: Generate, tmp_path: Path) -> None:
    settings = (
        *("generate.placement=meta", "generate.upload=meta", "generate.variants=1"),
        *("generate.link=https://shop.example/p/{id}", "generate.campaign=Spring {category}"),
    )
    job = generate("copy.csv", *settings)
    assert job.code == 0, job.err
    assert job.result["upload"] == str(tmp_path / "copy.meta.csv")
    written = [row for row in read(job) if not row["error"]]
    with Path(job.result["upload"]).open(newline="", encoding="utf-16") as file:
        ads = list(csv.DictReader(file, delimiter="\t"))
    assert len(ads) == job.result["rows"]["written"] == ROWS + 3  # all but the two that can not be read
    assert [ad["Title"] for ad in ads] == [row["headline_1"] for row in written]
    assert [ad["Body"] for ad in ads] == [row["primary_text_1"] for row in written]
    assert [ad["Link"] for ad in ads] == [f"https://shop.example/p/{row['id']}" for row in written]
    assert {ad["Ad Status"] for ad in ads} == {"PAUSED"}
    campaigns = {row["id"]: ad["Campaign Name"] for row, ad in zip(written, ads, strict=True)}
    assert {campaigns.pop(each) for each in ("x2", "x3", "x4")} == {"Spring"}  # they have no category
    assert all(campaign.startswith("Spring ") for campaign in campaigns.values())

    again = generate("copy.csv", *settings)
    assert (again.result["reused"], again.result["sha256"]) == (True, job.result["sha256"])


def test_a_job_that_is_interrupted_goes_on_and_ends_as_if_it_had_not_been(
    generate: Generate, whole: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def rows(dataset: Any, stop_after: int) -> Iterator[dict[str, Any]]:
        for row in streaming.rows(dataset):
            told.append(str(row["name"]))
            yield row
            if len(told) == stop_after:
                raise KeyboardInterrupt

    monkeypatch.setattr("adcraft.catalogue.run.rows", lambda dataset: rows(dataset, 1))
    assert generate().code == 130
    (parts,) = (tmp_path / "generate").glob("*/parts")
    first, *later = sorted(parts.glob("*.arrow"))
    for part in later:  # engines that were quick had written them all before the interrupt came
        part.unlink()
    there = {first.name}
    told.clear()
    monkeypatch.setattr("adcraft.catalogue.run.rows", lambda dataset: rows(dataset, 99))
    on = generate()
    assert on.code == 0, on.err
    assert "going on: " in on.err
    assert not there & set(told), "a part was written twice"
    assert on.result["sha256"] == whole.result["sha256"]


def test_an_engine_that_is_killed_is_started_again(generate: Generate, whole: Job) -> None:
    with killing_a_worker(
        after="of one thread each write", title="ray::MapWorker(MapBatches(PartWriter"
    ) as killed:
        job = generate()
    assert killed
    assert job.code == 0, job.err
    assert job.result["sha256"] == whole.result["sha256"]


def test_a_feed_without_rows_is_said(generate: Generate, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("id,product_name\n")
    refused = generate("copy.csv", f"data.source={tmp_path}/empty.csv")
    assert (refused.code, "has no rows" in refused.result["error"]) == (3, True)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["generate.output=copy.xlsx"], 2, ["copy.xlsx", ".csv, .jsonl, .ndjson, .parquet"]),
        (["generate.output=s3://bucket/copy.csv"], 2, ["is a URL", "mounted bucket"]),
        (["generate.model=9"], 7, ["9"]),
        (["generate.workers=64"], 10, ["generate.workers = 64", "8 logical CPUs"]),
        (["data.source=nowhere.csv"], 3, ["nowhere.csv"]),
        (["generate.upload=meta"], 2, ["'meta' takes ads", "Set generate.placement=meta"]),
        (
            ["generate.upload=meta", "generate.placement=meta"],
            3,
            ["no column that looks like link", "generate.link = '{link}'"],
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_refused_at_once(generate: Generate, more: list[str], code: int, words: list[str]) -> None:
    refused = generate("copy.csv", *more)
    assert refused.code == code, refused.err
    assert all(word in refused.result["error"] for word in words), refused.result["error"]
    assert "Traceback" not in refused.err
