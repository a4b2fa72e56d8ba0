"""The check of copy: what is refused and by which rule, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.guardrails.check import Wishes, check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Verdict
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements

RULES = shipped_rules()
PLACEMENTS = shipped_placements()
PRODUCT = {
    "product_name": "Harbour X4 Keyboard 60 cm",
    "brand": "Keltrix",
    "price": "$49.90",
    "description": "A keyboard with three colour zones, 80 hours of battery, 2 year warranty. Best in class.",
    "attributes": "Connection: USB; Size: M",
    "link": "https://shop.example/p/4711?colours=5",
}
FACTS = Facts.of(PRODUCT, RULES)
ZERO_WIDTH, CYRILLIC_IE, FULL_WIDTH_S = "\u200b", "\u0435", "\uff33"
THUMB = "\U0001f44d"


def checked(text: str, placement: str = "creative", asset: str = "creative", **wishes: object) -> Verdict:
    asked = Wishes(**wishes)  # type: ignore[arg-type]
    return check(text, FACTS, RULES, PLACEMENTS.named(placement), asset, asked)


REFUSED = {
    "number": [
        "Type for 90 hours without a cable.",
        "All 104 keys where you want them.",
        "Four colour zones to play with.",
        "Seventy? No: a hundred hours of battery.",
        "Used by 10,000 players.",
        "Used by 4711 players.",
    ],
    "unit": [
        "It takes up 60 mm of your desk.",
        "Lasts 80 days on a charge.",
        "A 2 month warranty comes with it.",
        "60% smaller than others.",
    ],
    "price": [
        "Yours for $39.90 today.",
        "Only 49.90 EUR at the desk near you.",
        "Get it for \u20ac49.90 while it is here.",
        "Type in style for Rs. 60 a week.",
        "Only 5 dollars more for three colour zones.",
    ],
    "discount": [
        "Keltrix keyboards are 20% off.",
        "Half price for players.",
        "Save big on three colour zones.",
        f"Fr{CYRILLIC_IE}{CYRILLIC_IE} shipping on the Harbour X4 Keyboard.",
        f"On {FULL_WIDTH_S}ALE now: the Harbour X4.",
        "Buy one, get one: the X4 by Keltrix.",
        f"A dis{ZERO_WIDTH}counted keyboard for you.",
        "FREE DELIVERY of the Harbour X4.",
    ],
    "superlative": [
        "The fastest keyboard there is.",
        "The world's smartest keyboard.",
        "Our #1 keyboard for players.",
        "An award-winning keyboard by Keltrix.",
        "Unbeatable battery, three colour zones.",
        "The most popular keyboard by Keltrix.",
        "A market-leading keyboard.",
    ],
    "size": [
        "Now in size XL for large hands.",
        "Comes in all sizes.",
        "One size fits all desks.",
        "Fits UK 8 to UK 9.",
    ],
    "brand": [
        "As good as Logitech, by Keltrix.",
        "Keltirx keyboards for players.",
        "Kelltrix makes a keyboard with three colour zones.",
        "KELTRIX: three colour zones.",
        f"K{CYRILLIC_IE}ltrix keyboards with three colour zones.",
    ],
    "punctuation": [
        "Type all day!!",
        "Ready?! Type now.",
        "Three colour zones.....",
        "Keyboard ** by Keltrix",
    ],
    "capitals": [
        "A GREAT keyboard.",
        "Shop NOW for a keyboard.",
        "KeYbOaRd by Keltrix.",
        "Get the KEYBOARD.",
    ],
    "spacing": [
        "F R E E your desk.",
        "A keyboard , by Keltrix.",
        "Type all day.Then play.",
        "Type  all day.",
    ],
    "gimmick": ["A keyboard 4 u.", "Gr8 keyboard by Keltrix.", "Thx for typing."],
    "hidden": [f"Key{ZERO_WIDTH}board by Keltrix.", "Keyboard\u00ad by Keltrix.", "Type\u2060 all day."],
    "look_alike": [f"A k{CYRILLIC_IE}yboard.", "\u0422ype all day."],
    "cut_off": ["A keyboard with three colour zones and", "Type all day with the", "A keyboard (by Keltrix"],
    "repetition": [
        "A keyboard keyboard.",
        "Play fast, play hard, play on.",
        "Type all day long. Type all day long.",
    ],
    "personal": [
        "Write to shop@example.com for it.",
        "See www.example.com for more.",
        "Call +49 30 1234567 for yours.",
        "Call 020 7946 0958 for yours.",
        "Ask @keltrix_fans about it.",
    ],
    "empty": ["", "   "],
}


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in REFUSED.items() for text in texts]
)
def test_refused(rule: str, text: str) -> None:
    verdict = checked(text)
    assert rule in verdict.rules, verdict
    for finding in verdict.findings:
        assert text[finding.start : finding.end] == finding.found
        assert finding.why


@pytest.mark.parametrize(
    "text",
    [
        "The Keltrix Harbour X4 Keyboard has three colour zones and 80 hours of battery.",
        "Type for 80 hours: a Keltrix keyboard, $49.90, with a 2 year warranty.",
        "Three colour zones, USB, and a desk that stays tidy at 60 cm.",
        "Best in class, says its maker: the Harbour X4.",
        "Hands-free? Not quite. But wire-free, and one of a kind.",
        "Make the most of your desk. Look at its best with Keltrix.",
        "Your keyboard, in size M.",
        "Keltrix's keyboard is ready: type on!",
        "Play fast, type fast: Keltrix.",
        f"Thumbs up for Keltrix {THUMB}",
    ],
)
def test_passed(text: str) -> None:
    assert checked(text, language="en").findings == ()


@pytest.mark.parametrize(
    "text",
    ["cheap", "Cheaper keys", "the cheapest", "cheaply made", "ch3ap", "CHEAP", "c-h-e-a-p", "c.h.e.a.p keys",
     f"ch{CYRILLIC_IE}ap", f"che{ZERO_WIDTH}ap", "ch\u00e9ap"],
)  # fmt: skip
def test_a_banned_term_in_any_dress(text: str) -> None:
    assert "banned" in checked(text, banned=("cheap",)).rules


@pytest.mark.parametrize("text", ["a chap", "cheat", "the heap", "speech apart", "cheapo"])
def test_a_banned_term_is_not_seen_where_it_is_not(text: str) -> None:
    assert "banned" not in checked(text, banned=("cheap",)).rules


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("party", "For parties."),
        ("make", "It is making."),
        ("knock off", "No knock-offs here."),
        ("run", "Running on"),
    ],
)
def test_endings_of_banned_terms(term: str, text: str) -> None:
    assert "banned" in checked(text, banned=(term,)).rules


def test_a_required_term_that_is_missing_is_named() -> None:
    verdict = checked("A keyboard with colour zones.", required=("colour zone", "warranty"))
    assert [finding.why for finding in verdict.findings] == ["'warranty' is missing"]
    assert verdict.findings[0].start == verdict.findings[0].end == len("A keyboard with colour zones.")


@pytest.mark.parametrize(
    ("language", "text", "passes"),
    [
        ("en", "Die Tastatur mit drei Farben und für alle.", False),
        ("en-GB", "Le clavier avec les touches pour une vie.", False),
        ("en", "\u041a\u043b\u0430\u0432\u0438\u0430\u0442\u0443\u0440\u0430", False),
        ("de", "Die Tastatur mit den Farben und für alle.", True),
        ("de", "The keyboard with the colours for you.", False),
        ("ru", "\u041a\u043b\u0430\u0432\u0438\u0430\u0442\u0443\u0440\u0430 Keltrix", True),
        ("ja", "\u30ad\u30fc\u30dc\u30fc\u30c9", True),
        ("ja", "A nice thing", False),
        ("en", "Keltrix Harbour X4", True),
    ],
)
def test_languages(language: str, text: str, passes: bool) -> None:
    assert ("language" not in checked(text, language=language).rules) is passes


def test_a_platform_that_takes_no_emoji_and_no_exclamation_mark() -> None:
    google = ("google_rsa", "headline")
    assert checked(f"Keltrix {THUMB}", *google).rules == {"emoji"}
    assert checked("\u2605 Keltrix", *google).rules == {"emoji"}
    assert checked("Keltrix keyboards!", *google).rules == {"exclamation"}
    assert checked("Keltrix\u00ae keyboards", *google).passed
    assert checked("Type on! It is Keltrix!", "google_rsa", "description").rules == {"exclamation"}


def test_a_hard_limit() -> None:
    verdict = checked("Keltrix keyboards with three colour zones", "google_rsa", "headline")
    assert verdict.rules == {"length"}
    assert verdict.findings[0].why == "41 characters, where 30 are accepted"


def test_the_records_own_spelling_is_no_fault() -> None:
    record = {
        "product_name": "iPad PRO 2-in-1 FREE",
        "brand": "ONLY",
        "description": "NOW with CLAWS, 3 for 2",
    }
    facts = Facts.of(record, RULES)
    text = "ONLY iPad PRO 2-in-1 FREE, NOW with CLAWS. It is only fair."
    assert check(text, facts, RULES, PLACEMENTS.named("creative"), "creative").passed


def findings(text: str, placement: str = "creative", asset: str = "creative", **record: str) -> list[str]:
    facts = Facts.of({"product_name": "Lamp", "price": "83.90", **record}, RULES)
    verdict = check(text, facts, RULES, PLACEMENTS.named(placement), asset, Wishes(language="en"))
    return sorted(verdict.rules)


@pytest.mark.parametrize(
    "text",
    [
        "It's a T-shirt for you",
        "It\u2019s a V-neck, it\u2019s a U-turn",
        "She's a B-side kind of person",
        "Vitamin C a day",
    ],
)
def test_short_words_are_no_letters_set_apart(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize("text", ["f r e e lamp", "F-R-E-E lamp", "W-O-W-what a lamp", "'S A L E' lamp"])
def test_letters_set_apart_are_found_beside_them(text: str) -> None:
    assert "spacing" in findings(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Get the Lamp at 83.90", "Lamp"),
        ("Lamp 83", "Lamp 83"),
        ("Lamp 8/8D", "Lamp 8/8D"),
        ("Lamps (size 8)", "Lamp size 8"),
        ("Fuji XD card", "Fuji XD card"),
    ],
)
def test_numbers_and_names_are_no_emoticons(text: str, name: str) -> None:
    assert findings(text, "google_rsa", "headline", product_name=name) == []


@pytest.mark.parametrize("text", ["A lamp :)", "A lamp 8-)", "A lamp <3", "A lamp XD", "A lamp ;-P"])
def test_emoticons_are_found_where_none_is_accepted(text: str) -> None:
    assert "emoji" in findings(text, "google_rsa", "headline")


@pytest.mark.parametrize(
    ("brand", "text"),
    [
        ("Merta", "Meet a lamp by Merta"),
        ("Isdine", "A lamp from Isdine is ready"),
        ("Yarly", "Early to bed, early to rise"),
        ("Corton", "Cotton shades of light"),
        ("Sssss", "Soft light"),
        ("Puma", "PUMA lamps"),  # as the record's name spells it
    ],
)
def test_common_words_are_no_brand_that_is_misspelt(brand: str, text: str) -> None:
    assert findings(text, brand=brand, product_name="PUMA Lamp") == []


@pytest.mark.parametrize("text", ["Kel trix lamps", "Keltirx lamps", "KELTRIX lamps", "Celtrix", "Kel-trix"])
def test_a_misspelt_brand_is_found_beside_them(text: str) -> None:
    assert "brand" in findings(text, brand="Keltrix")


@pytest.mark.parametrize(
    "text",
    [
        "So light, it balances between two fingers",
        "Shares the weight between two hands",
        "It splits the weight between two and makes cleaning simple",
        "A lamp to break in half",
        "A thing or two about light",
        "On cloud nine",
    ],
)
def test_number_words_that_count_nothing_of_the_product(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Between two and three hours of light",
        "Charged in half an hour",
        "Two shades of light",
        "Lasts nine months",
        "Two lamps in hand",
        "Four legs",
    ],
)
def test_number_words_that_are_claims(text: str) -> None:
    assert "number" in findings(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A seal that keeps the heat in", "Lamp"),
        ("The lamp that locks moisture in", "Lamp"),
        ("Water Plus", "Water Plus"),
        ("Lamp (pack of 3)", "Lamp (pack of 3)"),
        ("Jar B02517(G)", "Jar B02517(G)"),
        ("a) It glows, b) it fits", "Lamp"),
        ("Trunks XYTRNK3PCKN377", "Trunks XYTRNK3PCKN377"),
        ("Lotion PA+++", "Lotion PA+++"),
        ("Smash V2 Buck Lamp", "Smash V2 Buck Lamp"),
        ("How this lamp keeps the packed size small", "Lamp"),
        ("A tree that gives the best seat by the window", "Lamp"),
        ("Its way to save a trip to the shop", "Lamp"),
        ("Because you deserve it, it also glows", "Lamp"),
        ("Up, up and away", "Lamp"),
    ],
)
def test_what_is_often_mistaken_for_a_fault(text: str, name: str) -> None:
    assert findings(text, product_name=name) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("cut_off", "Keep your desk in"),
        ("cut_off", "A lamp (pack of lights"),
        ("cut_off", "The lamp glows plus"),
        ("number", "Lamp XY2PCK"),
        ("punctuation", "Lamps ++ lights"),
        ("size", "Lamps in size small"),
        ("superlative", "Gives the best light by the window"),
        ("discount", "Your chance to save big"),
        ("discount", "A way to save a fortune"),
        ("repetition", "Light, light lamps"),
        ("repetition", "It is a a lamp"),
    ],
)
def test_the_fault_itself_is_found(rule: str, text: str) -> None:
    assert rule in findings(text)


def test_a_long_text_may_repeat_a_word_more_often_than_a_short_one() -> None:
    text = "A glow at home, the glow of work and one soft glow"
    filler = (
        "shade cord switch hook bulb base stem plug wall desk shelf stair porch hall room lane gate yard moon"
    )
    assert findings(text) == ["repetition"]
    assert findings(f"{text}: {' and '.join(filler.split())}") == []


def test_the_text_that_was_to_be_learnt_is_no_fact() -> None:
    record = {"product_name": "Lamp", "description": "Lasts 900 hours.", "target_field": "description"}
    verdict = check(
        "Lasts 900 hours.", Facts.of(record, RULES), RULES, PLACEMENTS.named("creative"), "creative"
    )
    assert verdict.rules == {"number"}


@given(st.text(max_size=120))
def test_any_text_gets_a_verdict_that_points_into_it(text: str) -> None:
    wishes = Wishes(language="en", banned=("cheap",), required=("keyboard",))
    for finding in check(text, FACTS, RULES, PLACEMENTS.named("google_rsa"), "headline", wishes).findings:
        assert 0 <= finding.start <= finding.end <= len(text)
        assert text[finding.start : finding.end] == finding.found
