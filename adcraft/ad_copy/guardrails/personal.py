"""Personal data and ways to get in touch, which no ad may show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Finding, found
from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.rules import Rules

_FEWEST_DIGITS, _MOST_DIGITS = 7, 15
_DIGIT = re.compile(r"\d")


def personal(text: str, folded: Folded, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """E-mail, web and street addresses, telephone, card and account numbers, handles. A number in the form of
    a telephone's that the record has is a model's.
    """
    told: list[tuple[int, int]] = []
    digits_in_all = len(_DIGIT.findall(folded.text))
    tokens = folded.spelt_tokens
    signed = rules.signs_of_contact.search(folded.text) or not rules.words_of_contact.isdisjoint(tokens)
    if not digits_in_all and not signed:
        return
    for kind, contact in rules.personal.items():
        if not (contact.digits or signed) or not contact.may_be_in(folded.text, tokens, digits_in_all):
            continue
        for match in contact.pattern.finditer(folded.text):
            start, end = match.span()
            digits = len(_DIGIT.findall(match.group()))
            if kind == "phone" and not _FEWEST_DIGITS <= digits <= _MOST_DIGITS:
                continue
            if kind == "phone" and facts.says(match.group()):
                continue
            if any(start < until and since < end for since, until in told):
                continue
            told.append((start, end))
            yield found("personal", text, folded, (start, end), f"this looks like: {kind.replace('_', ' ')}")
