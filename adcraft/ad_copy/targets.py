"""The text that a model learns to write: cut to length without breaking a word or a thought."""

from __future__ import annotations

import re

# "…with a TSA lockOne handle…": feeds that lost their line breaks run sentences together.
_RUN_TOGETHER = re.compile(r"(?<![^\W\d_])([a-z]{2,}|\))(?=[A-Z][a-z]|\d+ [a-z]{2})")
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)")
_CLAUSE_END = re.compile(r"(?=[,;:](?:\s|$)|\s[-–—|]\s)")
_DANGLING = re.compile(
    r"[\s,;:–—|&-]+$|\s(?:and|or|with|the|a|an|of|for|in|to|has|have|by|from|on|at|is|are|its|your)$",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"(?<=[,;.!?])\s+")


def separate_sentences(text: str) -> str:
    """Put a full stop where two sentences run together (``lockOne`` gives ``lock. One``)."""
    return _RUN_TOGETHER.sub(r"\1. ", text)


def shorten(text: str, limit: int) -> str:
    """Cut ``text`` to at most ``limit`` characters at the last sentence end that keeps half of it,
    else the last clause that keeps a third, else the last word; never inside a word, never with a
    dangling "and". "" if not even one word fits.
    """
    text = separate_sentences(text.strip())
    if len(text) <= limit:
        return text
    head = text[: limit + 1]
    sentence = max((m.end() for m in _SENTENCE_END.finditer(head) if m.end() <= limit), default=0)
    if sentence >= limit // 2:
        return head[:sentence]
    clause = max((m.start() for m in _CLAUSE_END.finditer(head) if m.start() <= limit), default=0)
    cut = max(sentence, clause)
    if cut < limit // 3:
        cut = max((m.start() for m in re.finditer(r"\s", head)), default=0)
    return _tidy(head[:cut])


def drop_clauses(text: str, unwanted: re.Pattern[str]) -> str:
    """Leave out what ``unwanted`` matches: a hyphenated word (``5-pocket``) alone, else the clause
    around it. "" if that would take the first clause, on which the others lean.
    """
    first, *others = (_drop_compounds(clause, unwanted) for clause in _CLAUSES.split(text))
    if not first or unwanted.search(first):
        return ""
    kept = " ".join([first, *(clause for clause in others if clause and not unwanted.search(clause))])
    return text if kept == text else _tidy(kept)


def _drop_compounds(clause: str, unwanted: re.Pattern[str]) -> str:
    compound = re.compile(rf"\s?(?<!\S)(?:{unwanted.pattern})-[^\W\d_][\w-]*")
    return compound.sub("", clause).strip()


def _tidy(text: str) -> str:
    while (shorter := _DANGLING.sub("", text)) != text:
        text = shorter
    return text
