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
    with file.open("a", encoding="utf-8") as out:
        out.write("only an id\n")
    return file


@pytest.fixture
def generate(trained: TrainedHome, feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generate:
    monkeypatch.setattr(survey, "SLICE_ROWS", 40)

    def generate(output: str = "copy.csv", *more: str) -> Job:
        settings = [*trained.arguments, f"data.source={feed}", f"generate.output={tmp_path / output}"]
        return run_job(settings, f"home={tmp_path}", f"tracking.uri={trained.uri}", *more, stage="generate")

    return generate


def read(job: Job) -> Sequence[dict[str, str]]:
    with Path(job.result["output"]).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_has_copy_or_a_reason(generate: Generate, feed: Path) -> None:
    job = generate("copy.csv", "generate.variants=2")
    assert job.code == 0, job.err
    rows = read(job)
    with feed.open(newline="", encoding="utf-8") as file:
        fed = len(list(csv.reader(file))) - 1
    failed = sum(bool(row["error"]) for row in rows)
    assert job.result["rows"] == {"in": fed, "written": fed - failed, "failed": failed}
    assert [row["row"] for row in rows] == [f"feed.csv:{number}" for number in range(1, fed + 1)]
    assert rows[-1]["error"]
    for row in rows:
        assert bool(row["creative"]) != bool(row["error"])
        assert row["product_name"] or row["error"]
    assert "rows/s, about 0:00:00 left" in job.err

    again = generate("copy.csv", "generate.variants=2")
    assert again.result["reused"] is True
    assert again.result["sha256"] == job.result["sha256"]


def test_a_job_that_is_interrupted_goes_on_and_ends_as_if_it_had_not_been(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generate("whole.csv")
    told: list[str] = []

    def rows(dataset: Any, stop_after: int) -> Iterator[dict[str, Any]]:
        for row in streaming.rows(dataset):
            told.append(str(row["name"]))
            yield row
            if len(told) == stop_after:
                raise KeyboardInterrupt

    monkeypatch.setattr("adcraft.catalogue.run.rows", lambda dataset: rows(dataset, 1))
    fresh = ("generate.fresh=true",)
    assert generate("copy.csv", *fresh).code == 130
    (parts,) = (tmp_path / "generate").glob("*/parts")
    first, *later = sorted(parts.glob("*.arrow"))
    for part in later:  # engines that were quick had written them all before the interrupt came
        part.unlink()
    there = {first.name}
    told.clear()
    monkeypatch.setattr("adcraft.catalogue.run.rows", lambda dataset: rows(dataset, 99))
    on = generate("copy.csv", *fresh)
    assert on.code == 0, on.err
    assert "going on: " in on.err
    assert not there & set(told), "a part was written twice"
    assert on.result["sha256"] == whole.result["sha256"]


def test_an_engine_that_is_killed_is_started_again(generate: Generate) -> None:
    whole = generate("whole.csv")
    with killing_a_worker(
        after="of one thread each write", title="ray::MapWorker(MapBatches(PartWriter"
    ) as killed:
        job = generate("copy.csv", "generate.fresh=true")
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
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_refused_at_once(generate: Generate, more: list[str], code: int, words: list[str]) -> None:
    refused = generate("copy.csv", *more)
    assert refused.code == code, refused.err
    assert all(word in refused.result["error"] for word in words), refused.result["error"]
    assert "Traceback" not in refused.err
