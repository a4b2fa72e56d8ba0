"""What a record's own English words say of a product: facts that the tones' templates are filled with.

A name such as ``Aera Women Blue & White Printed Straight Kurta with Jacket`` gives the noun ``straight
kurta``, longer ones ("printed straight kurta"), and whom it is for; a description such as ``Blue printed
kurta, has a round neck, long sleeves`` gives features. What can't be told apart with certainty is left
alone: a text that is made of these words has to be true.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from adcraft.ad_copy.data_files import read_file
from adcraft.ad_copy.phrasing.draws import Draw, pick, sample
from adcraft.ad_copy.phrasing.english import Number, indefinite, without_article
from adcraft.ad_copy.phrasing.templates import Facts
from adcraft.ad_copy.targets import separate_sentences
from adcraft.workload import Record

_AUDIENCE_SHARE = 0.25
_NOUN_CHARS, _LOOK_CHARS, _FEATURE_CHARS = 24, 28, 28
_FEATURE_WORDS = 3
_READ_CHARS = 400
"""Of a description: what comes later may not fit into a prompt."""
_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*(?:['’]s?)?")
_LOWER_WORD = re.compile(r"(?:[a-z]+|[A-Z])(?:-[a-z]+)*")  # V-neck is one
_COUNTED = re.compile(r"\b(?:pack|set|pair|combo) of \d+\b", re.IGNORECASE)
_HEAD_END = re.compile(r"\s[-–—|(\[]|[,(\[|:;]")
_JOINTS = frozenset({"&", "and", "or", "/", "+"})


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    audiences: dict[str, str]
    ends: frozenset[str]
    light: frozenset[str]
    bound: frozenset[str]
    small: frozenset[str]
    has: list[str]


@dataclass(frozen=True)
class ProductWords:
    """What a record says.

    Attributes:
        brand: "" where it has none.
        title: the name without brand, audience and number of pieces.
        nouns: what the product is, the shortest first, each the end of the name's head.
        number: of the noun.
        audience: as it stands before a noun, such as ``women's``; "".
        features: what it has, such as ``a round neck``.
    """

    brand: str
    title: str
    nouns: tuple[str, ...]
    number: Number
    audience: str
    features: tuple[str, ...]

    def facts(self, draw: Draw, *, featured: bool) -> Facts:
        """Fields of ``phrasing.templates.FACTS``, one way to fill them in.

        Args:
            draw: gives uniform numbers from 0 to below 1.
            featured: the features may be named.
        """
        light = _words().light
        noun = next((noun for noun in self.nouns if noun.lower() not in light), self.nouns[-1])
        longer = [other for other in self.nouns if len(other) > len(noun)]
        compound = longer[0] if longer and len(longer[0]) <= _NOUN_CHARS and draw() < 0.7 else noun
        look = pick(longer, draw) if longer else noun
        if self.audience and draw() < _AUDIENCE_SHARE:
            compound, look = f"{self.audience} {compound}", f"{self.audience} {look}"
        facts = {
            "noun": compound,
            "a_noun": indefinite(compound, self.number),
            "short": noun,
            "look_noun": look,
            "a_look_noun": indefinite(look, self.number),
            "title": self.title,
        }
        if self.brand:
            facts |= {
                "brand": self.brand,
                "brands": f"{self.brand}'" if self.brand.endswith("s") else f"{self.brand}'s",
            }
        chosen = sample(self.features, min(2, len(self.features)), draw) if featured else []
        for place, feature in enumerate(chosen, 1):
            facts |= {f"f{place}": feature, f"f{place}_bare": without_article(feature)}
        return facts


def product_words(record: Record) -> ProductWords | None:
    """What an English record says; None where its name does not show what the product is."""
    brand, name = record.get("brand") or "", record.get("product_name") or ""
    description = record.get("description") or ""
    words, audience = _told_apart(_without_brand(_COUNTED.sub(" ", name), brand))
    head = _head(words)
    if not head:
        return None
    known = {word.lower() for word in re.findall(r"[^\W\d_](?:[\w-]*\w)?", description) if word.islower()}
    nouns = tuple(_spelt(noun, known) for noun in _nouns(head))
    if not nouns:
        return None
    return ProductWords(
        brand=brand,
        title=" ".join(words),
        nouns=nouns,
        number=_number(head[-1]),
        audience=audience or _audience(record.get("gender") or ""),
        features=tuple(_features(description, {word.lower() for word in head})),
    )


def _without_brand(name: str, brand: str) -> str:
    rest = name[len(brand) :]
    begins = brand and name.lower().startswith(brand.lower()) and not rest[:1].isalnum()
    return rest.strip() if begins else name.strip()


def _told_apart(name: str) -> tuple[list[str], str]:
    """The name's words without whom it is for, and that."""
    words = name.split()
    audience = next((_audience(word) for word in words if _audience(word)), "")
    return [word for word in words if word.lower() not in _words().audiences], audience


def _audience(word: str) -> str:
    return _words().audiences.get(word.lower(), "")


def _head(words: Sequence[str]) -> list[str]:
    """The words up to the one that says what the product is; none where that can't be told."""
    head = _HEAD_END.split(" ".join(words), maxsplit=1)[0].split()
    end = next((place for place, word in enumerate(head) if word.lower() in _words().ends), None)
    head = head[:end]
    while head and not _is_noun(head[-1]):
        head.pop()
    return head


def _is_noun(word: str) -> bool:
    """Whether it may be one: not a code."""
    return len(word) > 2 and _is_plain(word) and word not in _JOINTS


def _is_plain(word: str) -> bool:
    code = word.isupper() and len(word) > 1
    return word in _JOINTS or (bool(_PLAIN_WORD.fullmatch(word)) and not code)


def _nouns(head: Sequence[str]) -> Iterator[str]:
    """Its ends that stand by themselves, the shortest first."""
    bound = _words().bound
    for start in range(len(head) - 1, -1, -1):
        words = head[start:]
        text = " ".join(words)
        if len(text) > _LOOK_CHARS:
            return
        joined = start and head[start - 1].lower() in _JOINTS
        if not _is_plain(words[0]):
            return
        leans = words[0].lower() in bound and len(words) > 1
        if not joined and not leans and words[0].lower() not in _JOINTS | _words().small:
            yield text


def _spelt(noun: str, known: set[str]) -> str:
    """In lower case, where each of its words but the last stands so in the description or is part of ordinary
    names; as the name has it where one may be a name of its own.
    """
    words = noun.split()
    if all(word.lower() in known or word in _JOINTS for word in words[:-1]):
        return " ".join(word if re.match(r"[A-Z]-", word) else word.lower() for word in words)
    return noun


def _number(noun: str) -> Number:
    plural = noun.lower().endswith("s") and not noun.lower().endswith(("ss", "us", "is"))
    return "plural" if plural else "singular"


def _features(description: str, head: set[str]) -> Iterator[str]:
    """Short noun phrases that come after "has", "with" and the like, each once, with their article."""
    seen = set()
    for sentence in re.split(r"[.!?;:]+\s", separate_sentences(description)[:_READ_CHARS]):
        _, *rest = _having().split(sentence)
        for piece in re.split(r",| and | & ", ",".join(rest)):
            feature = _feature(piece.strip(" .!?"), head)
            if feature and feature not in seen:
                seen.add(feature)
                yield feature


def _feature(piece: str, head: set[str]) -> str:
    bare = without_article(piece)
    words = bare.split()
    fits = 1 < len(words) <= _FEATURE_WORDS and len(piece) <= _FEATURE_CHARS
    lower = all(_LOWER_WORD.fullmatch(word) for word in words)
    known = head.issuperset(words) or words[-1] in head or len(set(words)) < len(words)
    if not fits or not lower or known or not _words().small.isdisjoint(words):
        return ""
    return indefinite(bare, _number(words[-1]))


@functools.cache
def _having() -> re.Pattern[str]:
    return re.compile(rf",?\s*\b(?:{'|'.join(map(re.escape, _words().has))})\b\s*")


@functools.cache
def _words() -> _Words:
    tree = read_file("adcraft.ad_copy", "product_words.yaml")
    sets = {key: frozenset(tree[key]) for key in ("ends", "light", "bound", "small")}
    return _Words.model_validate({**tree, **sets})
