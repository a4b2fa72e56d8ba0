"""One cell's text."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcraft.data.cleaning import clean_text

MARKED_UP = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.sampled_from(
            ["&amp;", "&lt;", "&#60;", "&", "amp;", "<b>", "</b>", "<br>", "<", ">", "<!--", "-->",
             "<script>", "</script>", "\0", "\x85", "\u200b", "\ud800", " ", "e", "\u0301"]
        ),
    )
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Salt &amp; <b>Pepper</b>", "Salt & Pepper"),
        ("Salt &amp;amp;amp; Pepper", "Salt & Pepper"),
        ("one<br/>two<p class='x'>three</p>", "one two three"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("a<!-- hidden -->b<script>steal()</script>c", "a b c"),
        ("cafe\u0301", "café"),
        ("  a \t\r\n b\u00a0c\u3000", "a b c"),
        ("a\0b\x07c\u200bd\ufeff", "abcd"),
        ("half a \ud83d pair", "half a pair"),
        ("5 < 6 & 7 > 3", "5 < 6 & 7 > 3"),
        ("H&notes AT&T ?a=1&copy=2", "H&notes AT&T ?a=1&copy=2"),
        ("&euro;20 &#8364;20 &#x20AC;20", "€20 €20 €20"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("", ""),
    ],
)
def test_examples(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(MARKED_UP)
@example("&am<b></b>p;lt;b>")
@example("<" * 20 + "b" + ">" * 20)
def test_properties(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in cleaned)
    cleaned.encode()


@pytest.mark.parametrize("piece", ["<!--", "<script>", "&amp;", "<", "<a ", "&#1", "<b>", "e\u0301"])
def test_no_text_takes_long(piece: str) -> None:
    started = time.process_time()
    clean_text(piece * (262_144 // len(piece)))
    assert time.process_time() - started < 2
