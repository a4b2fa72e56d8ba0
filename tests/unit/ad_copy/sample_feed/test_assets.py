"""The short texts: of their lengths, in their form, true, a third of them with a call to action."""

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from adcraft.ad_copy.counting import double_width
from adcraft.ad_copy.data_files import read_folder
from adcraft.ad_copy.guardrails.check import check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.phrasing.assets import AD_DESCRIPTION, HEADLINE, SUBJECT, Asset, Style
from adcraft.ad_copy.phrasing.english import Number
from adcraft.ad_copy.phrasing.lengths import Length
from adcraft.ad_copy.phrasing.templates import FACTS
from adcraft.ad_copy.phrasing.tones import Tone, ToneEntry, tones
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.sample_feed.catalogue import Kind, catalogue
from adcraft.ad_copy.sample_feed.products import Product

NUMBERS: tuple[Number, ...] = ("singular", "plural", "mass")
COLUMNS = {"headline": HEADLINE, "ad_description": AD_DESCRIPTION, "subject": SUBJECT}
PLACES = {
    "headline": ("google_rsa", "headline"),
    "ad_description": ("google_rsa", "description"),
    "subject": ("email", "subject"),
}
ASKS = re.compile(
    r"(?:^|[.?!:,] )(?:act|add|be kind|bring|check|choose|come home|compare|discover|enjoy|experience"
    r"|explore|find|get|go|grab|invite|meet|order|pick|say (?:hi|hello)|see|settle in|share|shop"
    r"|slow down|start|take|treat|try)\b",
    re.IGNORECASE,
)
SMALL = set("a an and at by for from in of on or the to with".split())


def assets(tone: Tone) -> tuple[Asset, ...]:
    return tone.headlines, tone.descriptions, tone.subjects


def every_asset() -> Iterator[Asset]:
    return (asset for number in NUMBERS for tone in tones(number) for asset in assets(tone))


def test_lengths():
    assert HEADLINE.length == Length(10, 30)
    assert AD_DESCRIPTION.length == Length(40, 90)
    assert SUBJECT.length == Length(18, 60)
    assert Length(10, 30).thirds == (Length(10, 16), Length(17, 23), Length(24, 30))
    assert Length(1, 4).thirds == (Length(1, 1), Length(2, 3), Length(4, 4))
    assert Length(2, 3).first(["a", "four", "two", "to"]) == "two"
    assert Length(2, 3).first(["a", "four", "two"], attempts=2) is None


@pytest.mark.parametrize(("column", "style"), COLUMNS.items())
def test_rows_keep_to_the_length_and_use_all_of_it(rows: list[Product], column: str, style: Style):
    length = style.length
    widths = [double_width(getattr(row, column)) for row in rows]
    assert length.least <= min(widths) <= length.least + 2
    assert max(widths) == length.most
    short, middling, long = (
        sum(third.least <= width <= third.most for width in widths) / len(rows) for third in length.thirds
    )
    assert min(short, middling, long) >= 0.15


def test_headlines_are_in_title_case_and_have_no_stop(rows: list[Product]):
    for row in rows:
        assert re.fullmatch(r"[A-Z0-9][^!]*[^.!:,;]", row.headline), row
        plain = row.headline.replace(row.title, "Title").replace(row.brand, "Brand")
        words = re.sub(r"(?<=\d )\w+", "Unit", plain).split()
        assert [w for w in words if not (w[0].isupper() or w[0].isdigit() or w in {*SMALL, "+"})] == [], row


def test_descriptions_are_one_or_two_sentences(rows: list[Product]):
    for text in (row.ad_description for row in rows):
        assert re.fullmatch(r"[A-Z0-9].*[.?!]", text), text
        assert text.count("!") <= 1
        assert len(re.findall(r"[.?!](?: |$)", text)) <= 2, text
        assert not re.search(r"[.?!] [a-z]", text), text


def test_subjects_are_in_sentence_case_and_have_no_stop(rows: list[Product]):
    for row in rows:
        assert re.fullmatch(r"[A-Z0-9].*[^.:,;]", row.subject), row
        assert row.subject.count("!") <= (row.tone in {"playful", "urgent"}), row


def test_brands_and_titles(rows: list[Product]):
    named = sum(row.brand in row.headline for row in rows) / len(rows)
    neither = sum(row.brand not in row.headline and row.title not in row.headline for row in rows) / len(rows)
    assert 0.4 < named < 0.6
    assert neither > 0.35
    for row in rows:
        for column in COLUMNS:
            assert row.brand.lower() not in getattr(row, column).lower() or row.brand in getattr(row, column)


def test_a_third_calls_to_action(rows: list[Product]):
    in_tone = Counter(row.tone for row in rows)
    for column in COLUMNS:
        asking = Counter(row.tone for row in rows if ASKS.search(getattr(row, column)))
        for tone, count in in_tone.items():
            assert 0.26 < asking[tone] / count < 0.41, (column, tone)


def test_every_template_asks_or_tells_as_it_stands_in_its_file():
    for asset in every_asset():
        assert [s for s in asset.asking if not ASKS.search(s)] == []
        assert [s for s in asset.telling if ASKS.search(s)] == []


def test_there_are_many_templates():
    for tree in read_folder("adcraft.ad_copy.phrasing", "tones").values():
        entry = ToneEntry.model_validate(tree)
        for texts, least in ((entry.headlines, 14), (entry.descriptions, 14), (entry.subjects, 12)):
            assert len({*texts.asking, *texts.telling}) >= least


def test_no_template_says_a_thing_twice():
    one_of = (
        {"brand", "brands"},
        {"title", "look_noun", "a_look_noun", "noun", "a_noun"},
        {"title", "size", "figure"},
        {"size", "figure_name"},
    )
    for asset in every_asset():
        for sentence in (*asset.asking, *asset.telling):
            fields = re.findall(r"\{(\w+)\}", sentence)
            assert len(set(fields)) == len(fields), sentence
            assert all(len(alike & set(fields)) <= 1 for alike in one_of), sentence


def test_texts_seldom_repeat(rows: list[Product]):
    for column, least in {"headline": 0.95, "ad_description": 0.97, "subject": 0.97}.items():
        assert len({getattr(row, column) for row in rows}) > least * len(rows)


def test_the_guardrails_pass_them(rows: list[Product]):
    rules, placements = shipped_rules(), shipped_placements()
    refused = []
    for row in rows[:200]:
        record = row._asdict() | {"product_name": row.title}
        facts = Facts.of(record, rules)
        for column, (placement, asset) in PLACES.items():
            text = getattr(row, column)
            verdict = check(text, facts, rules, placements.named(placement), asset)
            refused += [(text, verdict.findings)] * (not verdict.passed)
    assert len(refused) <= 0.01 * 3 * 200, refused


def extremes(kind: Kind) -> Iterator[dict[str, str]]:
    """The shortest and the longest facts of a kind of product, under brands as short and as long as any."""
    choices = [
        *({**look.facts, "title": f"{look.title} {kind.title}"} for look in kind.looks),
        *(measure.facts for measure in kind.measures),
        *(facts for feature in kind.features for facts in (*feature.first, *feature.second)),
        *({"use1": use, "use2": use} for use in kind.uses),
        {"brand": "Isdo", "brands": "Isdo's", "price": "5.00"},
        {"brand": "B" * 24, "brands": "B" * 26, "price": "1999.00"},
    ]
    for extreme in (min, max):
        yield kind.facts | {  # type: ignore[operator]
            name: extreme((facts[name] for facts in choices if name in facts), key=len)
            for name in FACTS - kind.facts.keys() - {"d1", "d2", "d3"}
        }


def test_some_text_always_fits():
    """At least one draw in thirty, so that hundreds of draws find one."""
    for kind in (kind for kinds in catalogue() for kind in kinds):
        for facts in extremes(kind):
            for asset in (asset for tone in tones(kind.number) for asset in assets(tone)):
                length = asset.style.length
                for sentences in (asset.asking, asset.telling):
                    sizes = [len(s.format_map(facts)) for s in sentences]
                    fitting = sum(length.least <= size <= length.most for size in sizes)
                    assert fitting > len(sizes) / 30, (kind.title, asset.tone, asset.style.name)


def test_what_can_not_be_is_refused():
    facts = dict.fromkeys(FACTS, "x" * 200)
    with pytest.raises(ValueError, match="No plain headline of 10 to 30 characters"):
        next(tone for tone in tones("singular") if tone.name == "plain").headlines.write(
            facts, Random(1).random
        )
