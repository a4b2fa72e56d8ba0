"""The tone of a text, by what training texts of each tone say."""

from __future__ import annotations

from adcraft.ad_copy.ad_quality.tone_reader import ToneReader, toned
from adcraft.workload import Record

URGENT = ("Order it now, before it is gone!", "Only today: get yours now!", "Now or never!")
CALM = ("A quiet piece for slow mornings.", "Soft, slow and quiet.", "Mornings, softly.")


def records() -> list[Record]:
    rows = [("Urgent", text) for text in URGENT] + [("calm", text) for text in CALM] + [(None, "Now quiet")]
    return [
        {"tone": tone, "target": text, "target_field": "ad", "headline": f"{text[:9]} {tone or ''}"}
        for tone, text in rows
    ]


def test_texts_of_records_that_have_a_tone() -> None:
    found = list(toned(records()))
    assert len(found) == 12
    assert found[:2] == [("body", URGENT[0], "urgent"), ("headline", "Order it  Urgent", "urgent")]


def test_the_reader_tells_tones_apart() -> None:
    reader = ToneReader(records())
    assert reader.read("body", ["Get it now!", "Quiet and soft."]) == ["urgent", "calm"]
    assert reader.read("body", []) == []


def test_what_it_knows() -> None:
    reader = ToneReader(records())
    assert reader.knows("body", "calm")
    assert reader.knows("headline", "urgent")
    assert not reader.knows("subject", "calm")
    assert not reader.knows("body", "grim")


def test_one_tone_alone_can_not_be_told() -> None:
    reader = ToneReader(records()[:3])
    assert not reader.knows("body", "urgent")
    assert not ToneReader([]).knows("body", "urgent")
