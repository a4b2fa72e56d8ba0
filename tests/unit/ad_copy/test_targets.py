"""The text that a model learns: shortened at a sentence or clause, never inside a word."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcraft.ad_copy.targets import drop_clauses, separate_sentences, shorten

DATA = Path(__file__).parents[4] / "shared" / "data"
FEEDS = {
    "products/myntra_products_catalog.csv": "Description",
    "ad_copy/product_ads.csv": "ad",
    "flipkart_multimodal/products.csv": "description",
}
DANGLING = {"and", "or", "with", "the", "a", "an", "of", "for", "to", "has", "by"}

WORDS = st.sampled_from(
    "Red kurta has a and with the pockets, sleeves. Rs. 500 No Yes: Colour: WhitePattern: NoTwo lockOne "
    "(of 2 yearsWarranty: 1. “soft” iPhone YouTube U.S. Assn. – | ; ! … Detail:Yellow x,ySoft 12 "
    "ThePieceThe".split()
)
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=25).map(" ".join)
LIMITS = st.integers(1, 120)


def plain(text: str) -> str:
    """Without what ``separate_sentences`` and a final stop add, and without quotation marks."""
    return re.sub(r"[\s.\"“”]", "", text)


def bare(word: str) -> str:
    """A word without the punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", word)


@given(TEXTS, LIMITS)
@example("Red kurta has a keyhole neck. Soft", 20)
@example('"Red kurta"', 8)
@example("Aa bb ccThe dd", 13)
def test_a_shortened_text_is_a_start_of_the_text_in_whole_words(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert plain(text).startswith(plain(short))
    *kept, last = [word.strip('"“”') for word in short.split()] or [""]
    given = [word.strip('"“”') for word in separate_sentences(text).split()]
    assert set(kept) <= set(given)
    assert {bare(last)} <= {bare(word) for word in given} | {""}


@given(TEXTS, LIMITS)
@example("“soft” Red", 6)
def test_shortening_twice_changes_nothing(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert shorten(short, limit) == short


@given(TEXTS, LIMITS)
def test_a_cut_text_ends_in_no_dangling_word(text: str, limit: int) -> None:
    short = shorten(text, limit)
    if len(text.strip()) > limit and " " in short:
        assert short.split()[-1].lower() not in DANGLING
        assert not re.search(r"[\s,;:–—|&(-]$", short)


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        # at a sentence's end that keeps half
        ("Soft red kurta. It has two pockets and long sleeves.", 30, "Soft red kurta."),
        ("Soft red kurta! Buy it. And go.", 28, "Soft red kurta! Buy it."),
        ("“Soft and red!” they all say about it", 20, "“Soft and red!” they"),
        # at a clause that keeps a third
        ("Red kurta, has a round neck, long sleeves", 30, "Red kurta, has a round neck"),
        ("Mop – durable, easy to use, and good", 28, "Mop – durable, easy to use"),
        ("Red kurta. Long sleeves, a round neck and pockets", 40, "Red kurta. Long sleeves."),
        # at a word, where a clause would keep too little
        ("Kurta, embroidered and comfortable for weddings", 40, "Kurta, embroidered and comfortable"),
        ("Embroidered kurta with a keyhole", 24, "Embroidered kurta"),
        # not even a word
        ("Embroidered", 5, ""),
        ("", 10, ""),
        # what fits stays as it is
        ("A dress to look at", 40, "A dress to look at"),
        ("  Red kurta,", 40, "Red kurta,"),
        # exactly at the limit
        ("Red kurta. Soft", 10, "Red kurta."),
        ("Red kurta, soft", 9, "Red kurta"),
        # an abbreviation, a decimal, a small letter: no sentence ends there
        (
            "Made by U.S. Polo Assn. Kids for all girls, and soft",
            45,
            "Made by U.S. Polo Assn. Kids for all girls",
        ),
        ("Yours for Rs. 500 only, soft and red kurta", 32, "Yours for Rs. 500 only"),
        ("Holds 2.5 litres of tea. Light and red", 30, "Holds 2.5 litres of tea."),
        ("Shop at amazon. in or at home, soft and red kurta", 32, "Shop at amazon. in or at home"),
        ("Yours, dear friends, at Rs. 500 only", 28, "Yours, dear friends"),
        # no bracket stays open
        ("Red kurta set (kurta, trousers, scarf) of silk", 34, "Red kurta set"),
        ("Red kurta, silk set (kurta, trousers, scarf)", 34, "Red kurta, silk set"),
        # no label loses its value to a colon
        ("Soft red curtain for the door, Colour: deep blue", 44, "Soft red curtain for the door"),
        # one of a pair of quotation marks would be left
        ('"Soft red kurta. Buy it today!"', 20, "Soft red kurta."),
        ('The "red" kurta', 40, 'The "red" kurta'),
        # one word after a whole sentence says nothing
        (
            "Discover our red dress. Soft, long, made for you and for all",
            50,
            "Discover our red dress.",
        ),
    ],
)
def test_where_a_text_is_cut(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


@pytest.mark.parametrize(
    ("text", "separated"),
    [
        ("with a TSA lockOne handle", "with a TSA lock. One handle"),
        (
            "main zip (two)Warranty: 5 yearsWarranty by us",
            "main zip (two). Warranty: 5 years. Warranty by us",
        ),
        ("Black backpack1 main compartment", "Black backpack. 1 main compartment"),
        ("Thread count: 120Colour: WhitePattern: Solid", "Thread count: 120. Colour: White. Pattern: Solid"),
        ("BeadsClosure: Lobster ClosureCare", "Beads. Closure: Lobster ClosureCare"),
        ("Gloss 7mlColour Shade Name: Pink", "Gloss 7ml. Colour Shade Name: Pink"),
        ("Stash PocketWater-resistance: NoTwo zips", "Stash Pocket. Water-resistance: No. Two zips"),
        ("Blouse PieceThe model wears it", "Blouse Piece. The model wears it"),
        ("PinkWhat it does: shines", "Pink. What it does: shines"),
        ("PinkWhat It Does?:A lip gloss", "Pink. What It Does?: A lip gloss"),
        ("Design Detail:Yellow saree", "Design Detail: Yellow saree"),
        ("a spread collar,short sleeves", "a spread collar, short sleeves"),
        ("full closure.The saree", "full closure. The saree"),
        # names stay
        ("Shiseido InnerGlow CheekPowder", None),
        ("an iPhone, a MacBook and YouTube", None),
        ("McDonald's PlayStation by eCraftIndia", None),
        ("#CropTopLove at 12:30, see https://example.org/a,b", None),
        ("1,299.00 for 2.5 l", None),
        ("WHITEPattern USB-C XLarge", None),
    ],
)
def test_sentences_run_together_are_separated(text: str, separated: str | None) -> None:
    assert separate_sentences(text) == (separated or text)


@given(TEXTS)
def test_separating_twice_changes_nothing(text: str) -> None:
    once = separate_sentences(text)
    assert separate_sentences(once) == once
    assert re.sub(r"[\s.]", "", once) == re.sub(r"[\s.]", "", text)


def test_several_sentences_end_with_a_stop() -> None:
    assert shorten("Soft knitLong sleeves", 60) == "Soft knit. Long sleeves."
    assert shorten("Soft knitLong sleeves", 23) == "Soft knit. Long sleeves"
    assert shorten("Soft knit. Long sleeves", 60) == "Soft knit. Long sleeves"
    assert shorten("Soft knit", 60) == "Soft knit"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Red shirt, has <n3> pockets, and long sleeves", "Red shirt, and long sleeves"),
        ("Red shirt, soft, and <n3> pockets", "Red shirt, soft"),
        ("Red shirt – <n3> pockets, soft.", "Red shirt, soft."),
        ("Blue wash <n3>-pocket mid-rise jeans", "Blue wash mid-rise jeans"),
        ("<n3>-pocket jeans, soft", "Jeans, soft"),
        # the end of a sentence stays its end
        ("Red shirt with pockets, <n3> zips. Comes with a belt", "Red shirt with pockets. Comes with a belt"),
        ("Red shirt with pockets, <n3> zips! Soft.", "Red shirt with pockets! Soft."),
        ("A “red shirt, <n3> zips.” Soft.", "A “red shirt.” Soft."),
        # a sentence leans on its first clause
        ("Red shirt. <n3> pockets, full sleeves. Nice", "Red shirt. Nice"),
        ("Red shirt. Width: <n3> cm. Lining: no", "Red shirt. Lining: no"),
        ("Red shirt. Yours at Rs. <n3> only. Soft", "Red shirt. Soft"),
        # and all of them on the first
        ("Pack of <n3> socks. Soft", ""),
        ("<n3>", ""),
        ("", ""),
        ("Red  shirt ,", "Red  shirt ,"),
    ],
)
def test_clauses_with_what_is_unwanted_are_left_out(text: str, kept: str) -> None:
    assert drop_clauses(text, re.compile("<n3>")) == kept


@given(TEXTS, st.sampled_from(["kurta", "500", r"\d", "the|Assn", r"[A-Z]", r"\("]))
def test_nothing_unwanted_is_left_and_nothing_is_made_up(text: str, unwanted: str) -> None:
    pattern = re.compile(unwanted)
    kept = drop_clauses(text, pattern)
    if unwanted != "[A-Z]":  # the first letter is made a capital one
        assert not pattern.search(kept)
    remaining = iter(re.sub(r"[^\w]", "", text).lower())
    assert all(letter in remaining for letter in re.sub(r"[^\w]", "", kept).lower())


@pytest.mark.parametrize("feed", FEEDS)
def test_targets_of_real_feeds(feed: str) -> None:
    """What holds for all rows of them, after looking at many."""
    path = DATA / feed
    if not path.exists():
        pytest.skip(f"the real feed {path.name} is not on this machine")
    with path.open(encoding="utf-8-sig", newline="") as file:
        texts = [" ".join((row[FEEDS[feed]] or "").split()) for row in csv.DictReader(file)][:4000]
    labels = re.compile(r"[a-z]{2}(?:Pattern|Colour|Warranty|Features|Closure|Fitting): ")
    for text in texts:
        short = shorten(text, 160)
        assert len(short) <= 160
        assert not labels.search(short)
        assert not re.search(r"[\s,;:–—|&(-]$", short) or short == text
        if len(text) > 200:
            assert len(short) > 50
            assert short.count("(") <= short.count(")")
        assert shorten(short, 160) == short
