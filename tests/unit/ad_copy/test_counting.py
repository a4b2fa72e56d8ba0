"""What a character is, to each platform."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.ad_copy.counting import COUNT, double_width, graphemes, weighted

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
THUMB = "\U0001f44d\U0001f3fd"
FLAG = "\U0001f1e9\U0001f1ea"
HEART = "\u2764\ufe0f"


@pytest.mark.parametrize(
    ("text", "as_read", "as_google", "as_x"),
    [
        ("Nike Shoes", 10, 10, 10),
        ("caf\u00e9", 4, 4, 4),
        ("cafe\u0301", 4, 4, 4),  # the same, as two code points
        ("\u65e5\u672c\u8a9e", 3, 6, 6),
        ("\uff21\uff22", 2, 4, 4),  # full-width letters
        ("\uff76\uff85", 2, 2, 4),  # half-width katakana
        ("\ud55c\uad6d", 2, 4, 4),
        (FAMILY, 1, 2, 2),
        (THUMB, 1, 2, 2),
        (FLAG, 1, 2, 2),
        (HEART, 1, 2, 2),
        ("\u20ac5", 2, 2, 3),  # the euro sign is heavy on X
        ("\u2013\u2014\u2019", 3, 3, 3),
        ("\u2026", 1, 1, 2),
        ("\u0928\u093f", 1, 1, 2),  # one Devanagari syllable of two code points
        ("\u05e9\u05dc\u05d5\u05dd", 4, 4, 4),
        ("", 0, 0, 0),
    ],
)
def test_known_lengths(text: str, as_read: int, as_google: int, as_x: int) -> None:
    assert (graphemes(text), double_width(text), weighted(text)) == (as_read, as_google, as_x)


@given(st.text(max_size=40))
def test_no_form_of_writing_the_same_text_is_shorter(text: str) -> None:
    for count in COUNT.values():
        assert count(text) == count(unicodedata.normalize("NFC", text))
        assert count(text) >= graphemes(text)


@given(st.lists(st.sampled_from(["a", "\u00e9", "\u65e5", FAMILY, HEART, " ", "\u20ac"]), max_size=20))
def test_length_of_whole_characters_adds_up(characters: list[str]) -> None:
    for count in COUNT.values():
        assert count("".join(characters)) == sum(map(count, characters))


@given(st.text(st.characters(max_codepoint=0x2FF) | st.sampled_from("–—’“”…•€₹"), max_size=20))
def test_plain_text_is_counted_as_beside_a_wide_character(text: str) -> None:
    """Plain text is counted the short way, and not where a character of another kind is in it."""
    assert graphemes(text + "漢") == graphemes(text) + 1
    assert double_width(text + "漢") == double_width(text) + 2
    assert weighted(text + "漢") == weighted(text) + 2
