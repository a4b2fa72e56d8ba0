"""How many texts obey a control, where it is asked for and where it is not."""

from __future__ import annotations

from adcraft.ad_copy.ad_quality.control_accuracy import Answer, controls_table, right_about
from adcraft.ad_copy.ad_quality.questions import Question
from adcraft.ad_copy.ad_quality.tone_reader import ToneReader
from adcraft.ad_copy.copywriting.brief import Brief
from adcraft.workload import Record
from tests.ads import asset_copy

HEADLINE = ("google_rsa", "headline")
LOUD = Question("loud", Brief(), lambda _, text: text.isupper())
UNTOLD = Question("grim", Brief(), lambda *_: None)


def test_the_share_that_obeys() -> None:
    answers = [
        Answer(HEADLINE, "headline", LOUD, asset_copy(["BUY"]), asset_copy(["Buy"])),
        Answer(HEADLINE, "headline", LOUD, asset_copy(["SEE"]), asset_copy(["SEE"])),
        Answer(HEADLINE, "headline", LOUD, asset_copy(["See"]), asset_copy([], ["SAFE"])),
    ]
    [row] = controls_table(answers, {("headline", "loud"): 0.9, ("body", "loud"): 0.1}).rows
    assert row.name == (*HEADLINE, "loud")
    assert row.cells == (3, 2 / 3, 2, 1 / 2, 0.9)


def test_the_controls_of_an_asset_stand_together() -> None:
    other, quiet = ("google_rsa", "description"), Question("quiet", Brief(), lambda _, text: text.islower())
    answers = [
        Answer(asset, "headline", question, asset_copy(["a"]), asset_copy(["b"]))
        for question in (LOUD, quiet)
        for asset in (HEADLINE, other)
    ]
    names = [row.name for row in controls_table(answers, {}).rows]
    assert names == [(*HEADLINE, "loud"), (*HEADLINE, "quiet"), (*other, "loud"), (*other, "quiet")]


def test_templates_obey_nobody() -> None:
    answers = [Answer(HEADLINE, "headline", LOUD, asset_copy([], ["SAFE"]), asset_copy(["BUY"]))]
    assert controls_table(answers, {}).rows == ()


def test_what_nobody_can_tell_is_left_out() -> None:
    answers = [Answer(HEADLINE, "headline", UNTOLD, asset_copy(["a"]), asset_copy(["b"]))]
    assert controls_table(answers, {}).rows == ()


def test_nothing_to_compare_with() -> None:
    answers = [Answer(HEADLINE, "headline", LOUD, asset_copy(["BUY"]), asset_copy([]))]
    [row] = controls_table(answers, {}).rows
    assert row.cells == (1, 1, 0, None, None)


def test_how_often_the_reader_is_right() -> None:
    def of(tone: str, text: str) -> Record:
        return {"tone": tone, "target": text, "target_field": "headline"}

    reader = ToneReader([of("urgent", "now now!"), of("calm", "slow, quiet")])
    references = [of("urgent", "now!"), of("urgent", "quiet"), of("calm", "slow"), of("grim", "now"), {}]
    assert right_about(references, reader) == {("headline", "urgent"): 1 / 2, ("headline", "calm"): 1}
