"""The trail: what is written can be read, and in the order of time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adcraft.decision.trail import Decision, history, in_retrospect, in_words, now, trail
from tests.evaluations import estimate


def decision(**values: Any) -> Decision:
    fields: dict[str, Any] = {
        "action": "promote",
        "when": "2026-01-02T03:04:05.000006Z",
        "by": "anna@shop",
        "model": "ad_copy",
        "before": "1",
        "after": "2",
        "reasons": ("chrF is better.",),
        "figures": {"chrf": estimate(1, 2, 3)},
        "rules": {"primary": "chrf", "margin": 0.0, "guards": {}},
        "evaluation": "abc",
    }
    return Decision(**{**fields, **values})


def test_one_line_of_json_that_says_from_and_to() -> None:
    text = decision().to_json()
    assert "\n" not in text
    tree = json.loads(text)
    assert (tree["from"], tree["to"], tree["by"], tree["forced"]) == ("1", "2", "anna@shop", False)
    assert tree["figures"]["chrf"] == {"value": 2.0, "low": 1.0, "high": 3.0}
    assert Decision.model_validate_json(text) == decision()


def test_read_back_from_tags_oldest_first() -> None:
    later = decision(when="2026-01-03T00:00:00.000000Z", action="rollback", before="2", after="1")
    tags = {"adcraft.run_key": "x", later.tag: later.to_json(), decision().tag: decision().to_json()}
    assert trail(tags) == [decision(), later]
    assert trail({}) == []


def test_a_tag_that_somebody_else_wrote_is_left_out() -> None:
    assert trail({"adcraft.decision.x": "a note", decision().tag: decision().to_json()}) == [decision()]


def test_repetition_is_seen_through_time_and_person() -> None:
    assert decision().repeats(decision(when=now(), by="bo@shop"))
    assert not decision().repeats(decision(evaluation="other"))
    assert not decision().repeats(decision(rules={}))


def test_times_sort_as_texts_and_name_a_file() -> None:
    times = [now() for _ in range(50)]
    assert times == sorted(times)
    assert all(time.endswith("Z") and len(time) == 27 for time in times)
    assert decision().file == "decisions/2026-01-02T030405.000006Z-promote.json"


@pytest.mark.parametrize(
    ("values", "head"),
    [
        ({}, "ad_copy version 2 is champion now instead of version 1."),
        ({"forced": True}, "ad_copy version 2 is champion now instead of version 1 (forced)."),
        ({"before": None}, "ad_copy version 2 is champion now."),
        ({"action": "refuse"}, "ad_copy version 2 does not become champion; version 1 stays."),
        (
            {"action": "rollback", "before": "2", "after": "1"},
            "ad_copy version 1 is champion again instead of version 2.",
        ),
    ],
)
def test_told_to_people(values: dict[str, Any], head: str) -> None:
    assert in_words(decision(**values)).splitlines() == [head, "  chrF is better."]


def test_history_has_each_decision_once_and_the_newest_first() -> None:
    later = decision(when="2026-01-03T00:00:00.000000Z", action="rollback", before="2", after="1")
    both = {move.tag: move.to_json() for move in (decision(), later)}
    refused = decision(when="2026-01-02T12:00:00.000000Z", action="refuse", after="3")
    assert history([both, both, {refused.tag: refused.to_json(), "x": "y"}]) == [later, refused, decision()]
    elsewhere = decision(by="bo@shop")  # at the same microsecond, on another machine
    assert len(history([both, {elsewhere.tag: elsewhere.to_json()}])) == 3
    assert history([]) == []


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({}, "promoted, champion 1 -> 2"),
        ({"forced": True}, "promoted by force, champion 1 -> 2"),
        ({"before": None}, "promoted, champion none -> 2"),
        ({"action": "refuse"}, "refused version 2, champion stays 1"),
        ({"action": "rollback", "before": "2", "after": "1"}, "rolled back, champion 2 -> 1"),
    ],
)
def test_told_in_retrospect(values: dict[str, Any], what: str) -> None:
    head, reason = in_retrospect(decision(**values)).splitlines()
    assert head == f"2026-01-02 03:04:05 UTC  anna@shop  {what}"
    assert reason == "  chrF is better."
