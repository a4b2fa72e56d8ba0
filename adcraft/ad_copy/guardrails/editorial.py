"""How copy is written: what the platforms' editorial rules refuse whatever the product is."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import WORD, Folded
from adcraft.ad_copy.guardrails.grounding import Hits
from adcraft.ad_copy.guardrails.rules import Rules

_EXCLAMATION = re.compile("[!\uff01\ufe57\ufe15\u203c\u2049\u2048\u01c3\u2757\u2755]")
_MARK = "[!?\uff01\uff1f\ufe57\ufe56]"
REPEATED = re.compile(
    rf"{_MARK}[\s.,¡¿]*{_MARK}[!?\s]*|[\u203c\u2047-\u2049]|\.{{4,}}|(?<!\.)\.\.(?!\.)|/{{3,}}|…(?:\s?…)+"
    r"|((?<![Pp][Aa])(?<![Pp][Aa]\+)(?<![Pp][Aa]\+\+)\+|[,;:*~#$%&|=^_<>@\\`\u00a1-\u00bf\u2010-\u2025\u20a0-\u20bf\u3001\u3002-])(?:\s?\1)+"
)
_PART = re.compile(r"(?<!\w)[^\W\d_]+(?:['’][^\W\d_]+)*(?!\w)")
_HUMPS = re.compile(r"[A-Z]{3,}[a-z]{2,}|[a-z]+[A-Z]{3,}|\w*[a-z][A-Z]\w*[a-z][A-Z]\w*")
_RUN_TOGETHER = re.compile(r"(?=\w*[a-z]{3})(?:[A-Z][a-z]+){4,}")
_INITIALS = 3
_CAPITAL_INSIDE = re.compile(r"[^\W\d_][^\W\d_a-z\u00df-\u00ff]")
_LETTER_ALONE = re.compile(r"\b(?<!['’])[^\W\d_]\b(?!['’]\w|-\w{2})")
_LETTER = r"[A-Za-z\u00c0-\u024f\u0370-\u04ff\uff21-\uff5a]"
_SPACED_OUT = re.compile(
    rf"(?<![\w'’])(?:{_LETTER}(?P<sign>[^\w,&+'’])(?P=sign){{0,2}}{_LETTER}(?:(?P=sign){{1,3}}{_LETTER})+"
    rf"|{_LETTER}(?:[ ._*-]{{1,3}}{_LETTER}){{3,}})(?!['’]?\w)(?!(?<!-\w)-\w{{2}})"  # "it's a T-shirt"
)
SPACES = re.compile(
    r"^\s|\s$|[^\S\n]{2,}|\n{3,}"
    r"|[\t\v\f\u2000-\u2008\u200a\u205f]|(?<=[\0-\u024f])\u3000|[(\[]\s|\s[)\]]"
    r"|[^\S\u00a0\u202f](?:[,;](?=\s|\w|$)|[:!?](?=\s|$))|\s\.(?=\s|[A-Z]|$)"
    r"|[a-z]{2}[,;!?](?=[^\W\d_])|[a-z]{2}\.(?=[A-Z][a-z])|[a-z]{3}\.(?=[a-z]{3})|[a-z]{3}:(?=[a-z]{2})"
)
_FRENCH = re.compile(r"\s[:;!?]")


def punctuated(text: str, language: str) -> Iterator[Finding]:
    """Signs again and again, and spaces too many or too few: what an ordinary text has right.

    Args:
        text: the copy.
        language: such as ``en``, or "".
    """
    for match in REPEATED.finditer(text):
        yield _at("punctuation", match, "the same sign again and again")
    for match in SPACES.finditer(text):
        if language != "fr" or not _FRENCH.fullmatch(match.group()):
            yield _at("spacing", match, "a space too many, or too few")


def exclaimed(text: str, most: int) -> Iterator[Finding]:
    """The first exclamation mark beyond ``most`` of them; -1: any number is accepted."""
    marks = list(_EXCLAMATION.finditer(text)) if most >= 0 else []
    if len(marks) > most >= 0:
        yield _at("exclamation", marks[most], f"at most {most} are accepted here")


def chat_spellings(text: str, folded: Folded, hits: Hits, facts: Facts) -> Iterator[Finding]:
    """What is written as in chats, of the ``hits`` of the rules' scanner."""
    for match in hits.get("gimmick", ()):
        if not facts.says(match.group()):
            yield found("gimmick", text, folded, match.span(), "a spelling of chats")


def in_capitals(text: str, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """Words in capitals, or with capitals within, that are neither the record's nor usual initialisms."""
    if any(map(_has_capital_inside, text.split())):
        for match in WORD.finditer(text):
            if not match.group()[1:].islower() and match.group() not in facts.written:
                yield from _capitals(match, facts, rules)


@functools.lru_cache(maxsize=32_768)
def _has_capital_inside(word: str) -> bool:
    return _CAPITAL_INSIDE.search(word) is not None


def _capitals(word: re.Match[str], facts: Facts, rules: Rules) -> Iterator[Finding]:
    """Of one word, or of the parts that hyphens make of it."""
    tagged = word.string[: word.start()].endswith(("#", "@"))
    for match in _PART.finditer(word.string, *word.span()):
        part = match.group()
        if part in facts.written or part in rules.capitals.usual:
            continue
        if part.isupper() and (len(part) > _INITIALS or part in rules.capitals.shouted):
            yield _at("capitals", match, "a word in capitals")
        elif _RUN_TOGETHER.fullmatch(part) and not tagged:
            yield _at("spacing", match, "words that run together")
        elif _HUMPS.fullmatch(part) and not tagged:
            yield _at("capitals", match, "capitals within a word")


def set_apart(text: str, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """Letters with a space or a sign between them: f r e e."""
    may_be = len(_LETTER_ALONE.findall(text)) >= _INITIALS or "_" in text
    for match in _SPACED_OUT.finditer(text) if may_be else ():
        initials = "".join(filter(str.isalpha, match.group().upper()))
        if initials not in rules.capitals.usual and not facts.says(match.group().lower()):
            yield _at("spacing", match, "letters set apart")


def _at(rule: str, match: re.Match[str], why: str) -> Finding:
    return Finding(rule, match.start(), match.end(), match.group(), why)
