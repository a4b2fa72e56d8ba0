"""The text of one cell, cleaned the same way in a feed and in a request."""

from __future__ import annotations

import html
import re
import unicodedata

# With a semicolon only: "H&notes" is no "H¬es".
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NESTED_AMPERSAND = re.compile(r"&(?:amp;)+")
_UNSEEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|section|table|td|th|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<![A-Za-z][^<>]*>")
_MARKUP = re.compile(r"[<>&]")
_WHITESPACE = re.compile(r"\s+")
_PASSES = 8


def _unwanted() -> dict[int, str | None]:
    """Control characters, surrogates and invisible format characters; not whitespace, and not the
    joiners (U+200C, U+200D) that emoji, Persian and Indic scripts are written with.
    """
    formats = [0xAD, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
    controls = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if not chr(code).isspace()]
    return dict.fromkeys([*controls, *formats, *range(0xFFF9, 0xFFFC), 0xFFFE, 0xFFFF])


_UNWANTED = _unwanted()
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    if not text.isascii() and _SURROGATE.search(text):
        text = _SURROGATE.sub("", text)
    text = _WHITESPACE.sub(" ", text.translate(_UNWANTED)).strip()
    return unicodedata.normalize("NFC", text)
