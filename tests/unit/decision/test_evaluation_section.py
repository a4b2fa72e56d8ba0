"""Tables of a record: what is shown of them, and the names of their figures."""

from __future__ import annotations

import json

import pytest

from adcraft.decision.evaluation_page import page
from adcraft.decision.evaluation_record import EvaluationRecord
from adcraft.decision.evaluation_section import Column, Row, Section, Table
from adcraft.decision.evaluation_table import table
from tests.evaluations import evaluation

ADS = Table(
    key="ads",
    title="Texts <given> out",
    note="How & why.",
    columns=(
        Column(key="texts", label="texts"),
        Column(key="share", label="share", digits=3),
        Column(key="why", label="why"),
    ),
    rows=(
        Row(name=("google_rsa", "headline"), cells=(1200, 0.25, "length 3")),
        Row(name=("meta", "calm & cool/ish"), cells=(0, None, "")),
    ),
)
SECTION = Section(title="Ads", about="For 50 products.", tables=(ADS,))
RECORD = evaluation(sections=(SECTION,))


def test_figures_have_names_that_mlflow_takes() -> None:
    assert RECORD.section_figures == {
        "ads/google_rsa/headline/texts": 1200,
        "ads/google_rsa/headline/share": 0.25,
        "ads/meta/calm _ cool_ish/texts": 0,
    }


def test_the_record_comes_back_with_its_tables() -> None:
    assert EvaluationRecord.read(RECORD.to_json(), "here") == RECORD


def test_a_record_from_before_there_were_tables_can_be_read() -> None:
    tree = json.loads(RECORD.to_json())
    del tree["sections"]
    assert EvaluationRecord.read(json.dumps(tree), "here") == evaluation()


def test_the_terminal_shows_them_in_columns() -> None:
    assert table(RECORD).splitlines()[-6:] == [
        "Ads. For 50 products.",
        "",
        "Texts <given> out",
        "                      texts  share  why",
        "google_rsa headline    1200  0.250  length 3",
        "meta calm & cool/ish      0      -",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "<h2>Ads</h2><p>For 50 products.</p>",
        "<h3>Texts &lt;given&gt; out</h3><p><small>How &amp; why.</small></p>",
        "<th></th><th>texts</th><th>share</th><th>why</th>",
        '<td>google_rsa headline</td><td class="figure">1200</td><td class="figure">0.250</td><td>len',
        '<td>meta calm &amp; cool/ish</td><td class="figure">0</td><td class="figure">-</td><td></td>',
    ],
)
def test_the_page_shows_them(said: str) -> None:
    assert said in page(RECORD)


def test_a_row_of_other_length_than_the_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\('x',\) has 1 cells, for 3 columns"):
        Table(key="k", title="", note="", columns=ADS.columns, rows=(Row(name=("x",), cells=(1,)),))
