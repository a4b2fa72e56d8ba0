"""The text that a model learns to write: cut to length without breaking a word or a thought."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Feeds that lost their line breaks run sentences together: "…with a TSA lockOne handle…". Where the word
# before is capitalised too ("InnerGlow", "OnePlus"), only what can't be part of a name begins a sentence:
# a label ("Colour: WhitePattern: Solid"), what follows the value No or Yes, a function word.
_RUN_TOGETHER = re.compile(
    r"(?<![^\W\d_])(?:[a-z]{2,}|\))(?=[A-Z][a-z]|\d+ [a-z]{2})"
    r"|(?:[a-z]{2}|\d[a-z]?|\))(?=[A-Z][a-z-]+(?: [A-Za-z][a-z]*){0,3}\??:)"
    r"|(?<=: )(?:No|Yes)(?=[A-Z])"
    r"|[a-z]{2}(?=(?:The|This|These|What|How|Comes|Has) [A-Za-z])"
)
_NO_SPACE = re.compile(r"(?<=[a-z?][:;,])(?=[A-Z]?[a-z]{2}|[A-Z] [a-z])|(?<=[a-z][.!?])(?=[A-Z][a-z]+ )")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)(?!\s+[a-z])")
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:[^\W\d_]|assn|approx|co|corp|dr|fig|incl|inc|jr|ltd|max|min|mrs?|ms|nos?|pvt|rs|sr|st|vs)\.$",
    re.IGNORECASE,
)
_CLAUSE_GAP = re.compile(r"[,;]\s+|\s[-–—|]\s")
_DANGLING = re.compile(
    r"[\s,;:–—|&(\[-]+$|\s(?:and|or|but|nor|plus|with|without|the|a|an|of|for|in|into|to|as|by|from|on|onto|at"
    r"|is|are|be|has|have|its|it['’]s|your|our|my|their|this|that|these|those|which|who|whose|when|if|than"
    r"|rs\.|approx\.)$",
    re.IGNORECASE,
)
_LEAST_TAIL, _LONGEST_DANGLE = 20, 12


def separate_sentences(text: str) -> str:
    """Put a full stop where two sentences run together (``lockOne`` gives ``lock. One``), and the space
    that is missing after punctuation (``Detail:Yellow``).
    """
    return _RUN_TOGETHER.sub(lambda match: f"{match.group()}. ", _NO_SPACE.sub(" ", text))


def shorten(text: str, limit: int) -> str:
    """Cut ``text`` to at most ``limit`` characters at the last sentence end that keeps half of it,
    else the last clause that keeps a third, else the last word; never inside a word, never with a
    dangling "and". "" if not even one word fits.
    """
    written = _unquoted(text.strip())
    text = separate_sentences(written)
    if len(text) <= limit and text == written:
        return text
    text = _unquoted(_tidy(text if len(text) <= limit else text[: _cut(text, limit)]))
    several = next(_sentence_ends(text), len(text)) < len(text)
    return f"{text}." if several and text[-1].isalnum() and len(text) < limit else text


def dangles(text: str) -> bool:
    """Whether ``text`` ends in the middle of a thought: in "and", "the", a comma, an open bracket."""
    return _DANGLING.search(text.rstrip()[-_LONGEST_DANGLE:]) is not None


def drop_clauses(text: str, unwanted: re.Pattern[str]) -> str:
    """Leave out what ``unwanted`` matches: a hyphenated word (``5-pocket``) alone, else the clause
    around it, else, where it is in a sentence's first clause, on which the others lean, the sentence.
    "" if that is the first sentence.
    """
    if not unwanted.search(text):
        return text
    start, kept = 0, list[str]()
    for end in [*_sentence_ends(text), len(text)]:
        sentence = _drop_within(text[start:end].strip(), unwanted)
        if not sentence and not kept:
            return ""
        kept += [sentence] * bool(sentence)
        start = end
    shorter = _tidy(" ".join(kept))
    return shorter if shorter[:1] == text[:1] else shorter[:1].upper() + shorter[1:]


def _cut(text: str, limit: int) -> int:
    """Where to cut a text that is longer than ``limit``."""
    ends = _sentence_ends(text, limit + 1)
    sentence = max((end for end in ends if end <= limit and _closed(text[:end])), default=0)
    if sentence >= limit // 2:
        return sentence
    head = text[: limit + 2]
    gaps = [match.start() for match in _CLAUSE_GAP.finditer(head)]
    clause = max((gap for gap in gaps if gap <= limit and _closed(head[:gap])), default=0)
    third = limit // 3
    if sentence >= third and clause - sentence < _LEAST_TAIL:
        return sentence
    if clause >= third:
        return clause
    word = max((match.start() for match in re.finditer(r"\s", text[: limit + 1])), default=0)
    bracket = text.rfind("(", 0, word)
    return word if bracket < third or _closed(text[:word]) else bracket


def _sentence_ends(text: str, stop: int | None = None) -> Iterator[int]:
    """Where sentences end: not in "U.S. Polo Assn. Kids", "Rs. 500", or before a small letter."""
    for match in _SENTENCE_END.finditer(text):
        if stop is not None and match.start() >= stop:
            return
        if not _ABBREVIATION.search(text[max(0, match.start() - 8) : match.start() + 1]):
            yield match.end()


def _closed(text: str) -> bool:
    return text.count("(") <= text.count(")")


def _drop_within(sentence: str, unwanted: re.Pattern[str]) -> str:
    compound = re.compile(rf"\s?(?<!\S)(?:{unwanted.pattern})-[^\W\d_][\w-]*")
    shorter = compound.sub("", sentence).strip()
    gaps = list(_CLAUSE_GAP.finditer(shorter))
    starts, ends = [0, *(gap.start() for gap in gaps)], [*(gap.start() for gap in gaps), len(shorter)]
    first, *others = (shorter[start:end] for start, end in zip(starts, ends, strict=True))
    if not first or unwanted.search(first):
        return ""
    kept = first + "".join(clause for clause in others if not unwanted.search(clause))
    if kept == shorter:
        return kept
    mark = _SENTENCE_END.search(sentence, len(sentence.rstrip(".!?…\"'”’)]")))
    if mark and not kept.endswith(mark.group()):
        kept = _tidy(kept) + mark.group()
    return kept


def _unquoted(text: str) -> str:
    """Without quotation marks around all of it: a cut would leave one of the pair."""
    inner = text[1:-1]
    return inner.strip() if text[:1] + text[-1:] in {'""', "“”"} and '"' not in inner else text


def _tidy(text: str) -> str:
    while (shorter := _DANGLING.sub("", text)) != text:
        text = shorter
    return text
