import pytest

from adcraft.ad_copy.phrasing import english
from adcraft.ad_copy.phrasing.templates import variants


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("kettle", "a"),
        ("oak lamp", "an"),
        ("umbrella", "an"),
        ("underwater puzzle", "an"),
        ("unscented soap", "an"),
        ("undated planner", "an"),
        ("unit", "a"),
        ("unique cup", "a"),
        ("useful box", "a"),
        ("usual one", "a"),
        ("one-touch button", "a"),
        ("European plug", "a"),
        ("hour", "an"),
        ("honest pan", "an"),
        ("heirloom", "an"),
        ("horn", "a"),
        ("LED lamp", "an"),
        ("RFID-blocking lining", "an"),
        ("USB-C port", "a"),
        ("T-shirt", "a"),
        ("S2 steel set", "an"),
        ("8 cm bowl", "an"),
        ("80 W speaker", "an"),
        ("11 l pot", "an"),
        ("18 V drill", "an"),
        ("180 gsm shirt", "a"),
        ("1.8 m lead", "a"),
        ("Orrin kettle", "an"),
    ],
)
def test_article(phrase: str, expected: str):
    assert english.article(phrase) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [("singular", "a kettle"), ("plural", "kettle"), ("mass", "kettle")],
)
def test_indefinite(number: english.Number, expected: str):
    assert english.indefinite("kettle", number) == expected


@pytest.mark.parametrize(
    ("marked", "singular", "plural"),
    [
        ("^keep warm", "keeps warm", "keep warm"),
        ("^carry a pen", "carries a pen", "carry a pen"),
        ("^stay put", "stays put", "stay put"),
        ("^catch light and ^fix it", "catches light and fixes it", "catch light and fix it"),
        ("^go home", "goes home", "go home"),
        ("^shoo cats", "shoos cats", "shoo cats"),
        ("^press on", "presses on", "press on"),
        ("^be ready", "is ready", "are ready"),
        ("^have room", "has room", "have room"),
    ],
)
def test_finite(marked: str, singular: str, plural: str):
    assert english.finite(marked, "singular") == singular
    assert english.finite(marked, "mass") == singular
    assert english.finite(marked, "plural") == plural
    assert english.infinitive(marked) == marked.replace("^", "")


def test_case():
    assert english.title_case("chef's knife with a two-way lid") == "Chef's Knife with a Two-Way Lid"
    assert english.headline_case("a pan: an 8 cm one, 4 x 5 mm") == "A Pan: An 8 cm One, 4 x 5 mm"
    assert english.sentence_case("need it? here it is. 3.5 l of it!") == "Need it? Here it is. 3.5 l of it!"
    assert english.without_article("a lid") == "lid"
    assert english.without_article("an open back") == "open back"
    assert english.without_article("anchors") == "anchors"


def test_variants():
    found = variants("{this} {noun} [^be|^seem] [good|fine]", "plural")
    assert [sentence.text for sentence in found] == [
        "these {noun} are good.",
        "these {noun} are fine.",
        "these {noun} seem good.",
        "these {noun} seem fine.",
    ]
    assert {sentence.fields for sentence in found} == {frozenset({"noun"})}


def test_a_stop_ends_what_has_no_other_end():
    assert [sentence.text for sentence in variants("[new|new?]", "mass")] == ["new.", "new?"]
    assert [sentence.text for sentence in variants("[new|new?]", "mass", stop="")] == ["new", "new?"]


def test_an_unknown_field_is_named():
    with pytest.raises(ValueError, match=r"unknown fields colour; known are .*brand"):
        variants("the {colour} {noun}", "singular")
