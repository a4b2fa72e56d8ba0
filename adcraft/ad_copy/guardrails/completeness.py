"""Copy that ends in the middle of a thought, or in a bracket."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adcraft.ad_copy.guardrails.characters import EMOTICON
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.rules import Rules
from adcraft.ad_copy.targets import dangles

_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("«", "»"))
_SIGN = re.compile(r"[][(){}«»\"“”„]")
_LIST_MARK = re.compile(r"(?:^|(?<=\s))\w\)")
_STRAIGHT, _CURLY = re.compile(r'(?<!\d)"'), re.compile("[“”„]")  # 28" is a measure
_LONGEST_END = 24


def cut_off(text: str, folded: Folded, facts: Facts, rules: Rules, language: str) -> Iterator[Finding]:
    """The end of ``text`` where more should follow, and a bracket or a quotation mark that has no other.

    Args:
        text: the copy, with a word in it.
        folded: the same.
        facts: of the record, whose name may end in any word.
        rules: with what no text ends in.
        language: such as ``en``, or "".
    """
    if _is_open(text, rules, language or "en") and not (facts.name and folded.text.endswith(facts.name)):
        last = text.rsplit(maxsplit=1)[-1]
        start = len(text.rstrip()) - len(last)
        yield Finding("cut_off", start, len(text), text[start:], "ends as if cut off")
    if not _SIGN.search(text):
        return
    plain = _without_list_marks(EMOTICON.sub("", text))
    for opening, closing in _PAIRS:
        if plain.count(opening) != plain.count(closing):
            place = max(text.rfind(opening), text.rfind(closing))
            yield Finding(
                "cut_off", place, place + 1, text[place], f"{opening} and {closing} are not as many"
            )
    for quotes in (_STRAIGHT, _CURLY):
        places = [match.start() for match in quotes.finditer(text)]
        if len(places) % 2 and (quotes is _CURLY or text[places[-1] + 1 :].strip()):
            start = places[-1]
            yield Finding("cut_off", start, start + 1, text[start], "a quotation mark without another")


def _is_open(text: str, rules: Rules, language: str) -> bool:
    unfinished, finished = rules.unfinished_end.get(language), rules.finished_end.get(language)
    if not dangles(text) and not (unfinished and unfinished.search(text[-_LONGEST_END:])):
        return False
    return not (finished and finished.search(text))


def _without_list_marks(text: str) -> str:
    """Without "a)", which nothing opens; that of "(pack of 3)" stays."""
    return _LIST_MARK.sub(lambda mark: mark.group() if _is_in_brackets(text, mark.start()) else "", text)


def _is_in_brackets(text: str, index: int) -> bool:
    return text.count("(", 0, index) > text.count(")", 0, index)
