"""The page and the table: complete, escaped, and in need of nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.decision.evaluation_page import page
from adcraft.decision.evaluation_record import EvaluationRecord, Sample
from adcraft.decision.evaluation_table import table
from adcraft.errors import TrackingError
from tests.evaluations import evaluation


class Page(HTMLParser):
    """Elements, attributes and texts; tags must be closed in order."""

    VOID = ("meta", "br", "line", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def sample(text: str) -> Sample:
    return Sample(product=text, reference=text, copies={"model": text, "against": text, "echo": text})


def test_page_has_every_figure_and_sample() -> None:
    record = evaluation(
        chrf=(1, 2, 3),
        slot_accuracy=(-0.3, -0.2, -0.1),
        not_compared={"loss": "other tokenizers"},
        samples=(sample("Aera <Kurta>"),),
    )
    shown = Page(page(record))
    text = " ".join(shown.texts)
    assert "ad_copy version 2 against version 1 on 200 rows of 190 untouched test products" in text
    for said in (
        "+2.0",
        "+1.0 to +3.0",
        "-0.200",
        "other tokenizers",
        "1000 resamples",
        "lower is better",
        "Brand: in 7 of 200",
    ):
        assert said in text
    assert shown.texts.count("Aera <Kurta>") == 5
    assert shown.elements.count("svg") == 3  # loss is not compared
    kinds = [value for name, value in shown.attributes if name == "aria-label"]
    assert kinds == ["better", "worse", "no difference beyond noise"]


def test_page_needs_nothing_else() -> None:
    text = page(evaluation(samples=(sample('"><script src="http://x/y.js"></script>'),)))
    shown = Page(text)
    assert not {"script", "img", "link", "iframe", "a"} & set(shown.elements)
    assert not [name for name, _ in shown.attributes if name in ("src", "href") or name.startswith("on")]
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(", text)


@given(text=st.text(min_size=1).filter(lambda text: "\r" not in text and "\x00" not in text))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    plain = Page(page(evaluation(samples=(sample("plain"),))))
    shown = Page(page(evaluation(samples=(sample(text),))))
    assert shown.elements == plain.elements
    assert "".join(shown.texts).count(text) >= 5


def test_model_alone() -> None:
    record = evaluation(against=None)
    shown = Page(page(record))
    assert "svg" not in shown.elements
    assert "version 1" not in " ".join(shown.texts)
    assert table(record).splitlines() == [
        "                             loss     chrF    slots",
        "version 2                   0.250      0.2    0.250",
        "echo of the name                -      0.2    0.250",
        "brand: in 7 of 200 copies, spelled exactly in 6",
    ]


def test_table_of_gains() -> None:
    lines = table(evaluation(chrf=(1, 2, 3), not_compared={"loss": "other tokenizers"})).splitlines()
    assert lines[2].split()[:2] == ["version", "1"]
    assert lines[6].endswith("95% interval")
    assert lines[7].split() == ["chrF,", "0", "to", "100", "+2.0", "+1.0", "to", "+3.0"]
    assert lines[9].endswith("not compared: other tokenizers")
    assert lines[10].startswith("characters (difference) ")


def test_record_comes_back_as_it_was() -> None:
    record = evaluation(samples=(sample("Ünïcode \u2028 & 'quotes'"),))
    assert EvaluationRecord.read(record.to_json(), "here") == record


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}'])
def test_record_that_is_none(text: str) -> None:
    with pytest.raises(TrackingError, match=r"The evaluation here can't be read: .*evaluate\.fresh=true"):
        EvaluationRecord.read(text, "here")
