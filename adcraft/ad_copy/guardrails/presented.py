"""What kinds of product a text presents as what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adcraft.ad_copy.guardrails.folding import Folded
from adcraft.ad_copy.guardrails.product_kinds import LONGEST, ProductKinds

_MOST_MODIFIERS, _MANY, _COMPANION_WITHIN = 9, 2, 5
_ARTICLES, _POINTING = frozenset({"a", "an", "the"}), frozenset({"this", "these", "our"})
_DETERMINERS = _ARTICLES | _POINTING
_GREETINGS = frozenset({"meet", "hello", "hi"})
_OPENINGS = frozenset(
    {("here", "is"), ("there", "is"), ("hello", "to"), ("hi", "to"), ("upgrade", "to"), ("yourself", "to")}
    | {("yes", "to"), ("looking", "for"), ("time", "for"), ("bring", "home"), ("take", "home")}
)
_JOINING = frozenset({"", "&"})
_NO_SIGN = re.compile(r"[\s\"“”'’]+")
_SENTENCE_END = re.compile(r"[.!?:…–—]|\s-\s")
_THIRD_PERSON = re.compile(r"\w{2,}[^\Ws]s")


class Noun(NamedTuple):
    """A noun of a folded text, where it stands, and the groups that it is in."""

    start: int
    end: int
    text: str
    groups: frozenset[str]


def presented(
    folded: Folded, brand: str, kinds: ProductKinds, known: frozenset[str] = frozenset()
) -> Iterator[Noun]:
    """The nouns that a text presents: those of "Steel lamp", "Meet the lamp", "This lamp glows", "a lamp by
    Keltrix"; not those of "Goes with a lamp", "Lamp shade", "Light your desk", "Messy desk?".

    Args:
        folded: the text.
        brand: of the product, folded; "" where it has none.
        kinds: that nouns may name.
        known: groups whose nouns are left out.
    """
    spelt = folded.spelt_words
    unknown = {
        word
        for word in kinds.last_words.intersection(spelt)
        if known.isdisjoint(kinds.groups_of.get(word, ()))
    }
    if not unknown:
        return
    row = _Row(folded, spelt, brand.rsplit(" ", 1)[-1], kinds)
    for last, word in enumerate(spelt):
        if word in unknown and (noun := row.presented_at(last)) and known.isdisjoint(noun.groups):
            yield noun


class _Row:
    """The words of a text, and what its nouns do among them."""

    def __init__(self, folded: Folded, spelt: Sequence[str], brand: str, kinds: ProductKinds) -> None:
        self._folded, self._spelt, self._kinds = folded, spelt, kinds
        self._brand = frozenset({brand, f"{brand}'s", f"{brand}’s"} if brand else ())

    def presented_at(self, last: int) -> Noun | None:
        """The longest noun that ends at the word ``last``, if it is telling and presented."""
        groups_of = self._kinds.groups_of
        for first in range(max(0, last - LONGEST + 1), last + 1):
            text = " ".join(self._spelt[first : last + 1])
            if text not in groups_of:
                continue
            if text not in self._kinds.telling or not self._is_presented(first, last):
                return None
            start, end = self._folded.words[first].start(), self._folded.words[last].end()
            groups = groups_of[text] | groups_of.get(self._spelt[last], frozenset())
            return Noun(start, end, text, groups)
        return None

    def _is_presented(self, first: int, last: int) -> bool:
        start = self._start_of_phrase(first)
        phrase = self._spelt[start:first]
        determiner = phrase[0] if phrase and phrase[0] in _DETERMINERS else ""
        owned = determiner in _POINTING or not self._brand.isdisjoint(phrase) or self._is_by_brand(last)
        if not self._ends_phrase(last, owned=owned):
            return False
        if owned:
            return self._kinds.companions.isdisjoint(self._before(start))
        if start and not self._sign_behind(start - 1):
            return self._is_introduced(start - 1, determiner, last)
        if start and self._spelt[start - 1] in _GREETINGS:
            return True
        begins = determiner or start == 0 or self._ends_sentence(start - 1)
        clear = phrase and phrase[0] in self._kinds.verbs  # "Clear desks"
        return bool(begins) and not clear and self._is_described(last, len(phrase) + last - first)

    def _before(self, start: int) -> Sequence[str]:
        """The last words before ``start`` that no sign parts from it."""
        first = start
        while first and start - first < _COMPANION_WITHIN and not self._sign_behind(first - 1):
            first -= 1
        return self._spelt[first:start]

    def _is_described(self, last: int, modifiers: int) -> bool:
        """Whether what stands behind the word ``last`` goes on about it: "with", ", refined". Where that is a
        sign, "Desk, sofa, bed" and "Messy desk?" say little of a noun with few ``modifiers``.
        """
        sign, behind = self._sign_behind(last), "".join(self._spelt[last + 1 : last + 2])
        if behind and not sign:
            return self._describes(behind)
        if sign.startswith("?"):
            return False
        if sign.startswith(","):
            told = behind.endswith("ly") or (modifiers > 0 and self._describes(behind))
            return told or modifiers >= _MANY
        return modifiers > 0 or len(self._spelt) == 1

    def _describes(self, word: str) -> bool:
        return word in self._kinds.describing or word.endswith("ed") or word[:1].isdigit()

    def _start_of_phrase(self, first: int) -> int:
        """Where the determiner, or the first adjective, of the noun stands."""
        spelt, start = self._spelt, first
        while start and first - start < _MOST_MODIFIERS and self._sign_behind(start - 1) in _JOINING:
            word, before = spelt[start - 1], start - 2
            if word in _DETERMINERS:
                return start - 1
            of = word == "of" and before >= 0 and spelt[before] in self._kinds.measures
            if of or (word == "and" and before >= 0 and self._is_modifier(before)):
                start = before
            elif self._is_modifier(start - 1):
                start -= 1
            else:
                break
        return start

    def _is_modifier(self, index: int) -> bool:
        word, kinds = self._spelt[index], self._kinds
        if word in kinds.no_modifiers:
            return False
        return word in kinds.modifiers or word in kinds.groups_of or not _THIRD_PERSON.fullmatch(word)

    def _ends_phrase(self, last: int, *, owned: bool) -> bool:
        """Whether no noun goes on from the word ``last``, as in "lamp shades"; "this lamp glows" ends."""
        if last + 1 == len(self._spelt) or self._sign_behind(last):
            return True
        word, behind = self._spelt[last], self._spelt[last + 1]
        if behind in self._kinds.followers or behind[0].isdigit() or behind.endswith("ed"):
            return True
        if behind in self._kinds.groups_of:
            return False
        plural = word.endswith("s") and not word.endswith("ss")
        return plural or (owned and _THIRD_PERSON.fullmatch(behind) is not None)

    def _is_by_brand(self, last: int) -> bool:
        """Whether "by Keltrix" stands behind the word ``last``."""
        behind = self._spelt[last + 1 : last + 3]
        return (
            len(behind) == len(("by", "brand")) and behind[0] in ("by", "from") and behind[1] in self._brand
        )

    def _is_introduced(self, before: int, determiner: str, last: int) -> bool:
        """Whether the word ``before`` a phrase presents it: "meet a", "here is a"; "your" in "Your lamp"."""
        word, earlier = self._spelt[before], self._spelt[before - 1] if before else ""
        if word in self._kinds.presenting:
            return bool(determiner) or before == 0 or bool(self._sign_behind(before - 1))
        if word == "your":
            return earlier in _GREETINGS or (before == 0 and last + 1 == len(self._spelt))
        return (earlier, word) in _OPENINGS

    def _ends_sentence(self, index: int) -> bool:
        return _SENTENCE_END.search(self._gap(index)) is not None

    def _sign_behind(self, index: int) -> str:
        """What stands behind a word, up to the next, beside spaces and quotation marks."""
        gap = self._gap(index)
        return "" if gap == " " else _NO_SIGN.sub("", gap)

    def _gap(self, index: int) -> str:
        words = self._folded.words
        end = words[index + 1].start() if index + 1 < len(words) else None
        return self._folded.text[words[index].end() : end]
