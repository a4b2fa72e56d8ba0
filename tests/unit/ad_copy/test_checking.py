"""Copy in a feed, checked by ``ray_jobs check``: it needs no Ray and no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ray_jobs.command_line import main
from tests.jobs import Job, run_command

ZERO_WIDTH = "\u200b"
FEED = f"""\
name,brand,price,features,ad
Kettle 1.7 l,Orrin,$39.90,2000 W,"The Orrin kettle boils 1.7 litres for $39.90."
Kettle 1.7 l,Orrin,$39.90,2000 W,"The Orrin kettle,  now 20% off!!"
,Orrin,1,,"A text without a product."
Kettle 1.7 l,Orrin,$39.90,2000 W,"A ket{ZERO_WIDTH}tle by Orrin."
"""


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "ads.csv"
    file.write_text(FEED, encoding="utf-8")
    return file


def check(feed: Path, *arguments: str) -> Job:
    return run_command(main, ["check", "--set", f"data.source={feed}", *arguments])


def verdicts(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_row_has_a_verdict(feed: Path, tmp_path: Path) -> None:
    output = tmp_path / "made" / "verdicts.jsonl"
    job = check(feed, "--output", str(output))
    assert job.code == 0, job.err
    assert job.result["rows"] == {"in": 4, "passed": 1, "refused": 2, "unreadable": 1}
    assert {"discount", "hidden", "number", "punctuation", "spacing"} <= job.result["rules"].keys()
    good, bad, unreadable, hidden = verdicts(output)
    assert (good["row"], good["passed"], good["findings"]) == ("ads.csv:1", True, [])
    assert bad["product_name"] == "Kettle 1.7 l"
    assert {finding["rule"] for finding in bad["findings"]} >= {"discount", "punctuation", "spacing"}
    for finding in (*bad["findings"], *hidden["findings"]):
        text = bad["text"] if finding in bad["findings"] else hidden["text"]
        assert text[finding["start"] : finding["end"]] == finding["found"]
    assert (unreadable["row"], unreadable["passed"]) == ("ads.csv:3", False)
    assert unreadable["fault"] == "product_name is missing: the cell is empty"
    assert not list(output.parent.glob(".*"))


def test_refused_texts_are_shown_with_rule_and_place(feed: Path) -> None:
    job = check(feed, "--show", "1")
    assert "creative/creative: 1 of 4 texts can be published" in job.out
    assert "ads.csv:2  The Orrin kettle,  now 20% off!!" in job.err
    assert "  punctuation 30-32 '!!': the same sign again and again" in job.err
    assert "ads.csv:3" not in job.err


def test_the_asset_of_a_placement_and_its_limit(feed: Path) -> None:
    job = check(feed, "--placement", "google_rsa")
    assert (job.result["placement"], job.result["asset"]) == ("google_rsa", "headline")
    assert job.result["rules"]["length"] == 2
    assert check(feed, "--placement", "google_rsa", "--asset", "description").result["rows"]["passed"] == 1


def test_terms_and_language(feed: Path) -> None:
    job = check(feed, "--banned", "boil", "--required", "kettle", "--language", "de")
    assert job.result["rules"]["banned"] == 1
    assert "required" not in job.result["rules"]


def test_another_column_is_the_copy(feed: Path) -> None:
    job = check(feed, "--set", "data.target=features")
    assert job.result["rows"] == {"in": 4, "passed": 0, "refused": 3, "unreadable": 1}
    assert job.result["rules"]["number"] == 3  # what is checked is no fact


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--placement", "billboard"], 2, ["'billboard' is not known", "google_rsa", "meta"]),
        (["--placement", "meta", "--asset", "jingle"], 2, ["no asset 'jingle'", "primary_text"]),
        (["--placements", "none.yaml"], 2, ["none.yaml can't be read"]),
        (["--set", "data.target=slogan"], 3, ["data.target = 'slogan'", "no such column"]),
        (["--output", "."], 2, ["The output . is a folder"]),
    ],
)
def test_refused_with_a_sentence(feed: Path, arguments: list[str], code: int, words: list[str]) -> None:
    job = check(feed, *arguments)
    assert job.code == code, job.err
    assert all(word in job.result["error"] for word in words), job.result["error"]
    assert "Traceback" not in job.err
