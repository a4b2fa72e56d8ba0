"""The text of one cell, cleaned the same way in a feed and in a request."""

from __future__ import annotations

import html
import re
import unicodedata

# With a semicolon only: "H&notes" is no "H¬es".
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NESTED_AMPERSAND = re.compile(r"&(?:amp;)+")
# Each stops where the next of its kind begins, so that a text of openings alone takes no n² steps.
_UNSEEN = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<(script|style)\b[^<>]*>(?:(?!<\1\b).)*?</\1\s*>", re.IGNORECASE | re.DOTALL
)
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|section|table|td|th|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<![A-Za-z][^<>]*>")
_MARKUP = re.compile(r"[<>&]")
_PASSES = 8
# Control characters, surrogates and invisible format characters; not whitespace, and not the joiners
# (U+200C, U+200D) that emoji, Persian and Indic scripts are written with.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]+"
)


def clean_text(text: str) -> str:
    """``text`` without HTML entities and tags, control and invisible characters, and surplus
    whitespace, in Unicode NFC. Cleaning what is clean changes nothing.

    ``Salt &amp; <b>Pepper</b>`` gives ``Salt & Pepper``. Block tags (``<br>``, ``<p>``) become a space,
    others nothing; what stands in comments, scripts and styles goes with them.
    """
    if (
        text.isascii()
        and text.isprintable()
        and "  " not in text
        and "<" not in text
        and text == text.strip(" ")
        and ("&" not in text or not _ENTITY.search(text))
    ):
        return text
    for _ in range(_PASSES):
        cleaned = _clean_once(text)
        if cleaned == text:
            return text
        text = cleaned
    # Markup nested this deep is an attack or rubbish.
    return _clean_once(_MARKUP.sub(" ", text))


def _clean_once(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), _NESTED_AMPERSAND.sub("&", text))
    if "<" in text:
        text = _TAG.sub("", _BLOCK_TAG.sub(" ", _UNSEEN.sub(" ", text)))
    if not text.isascii() or not text.isprintable():
        text = unicodedata.normalize("NFC", _UNWANTED.sub("", text))
    return " ".join(text.split())
