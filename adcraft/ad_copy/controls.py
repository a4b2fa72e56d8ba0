"""What a text is to be, beside what it is about: its kind, length, tone, call to action, audience.

A model learns these from texts of which they are true: what a text is, is read off it and written in front
of its prompt (as in Keskar et al., "CTRL", 2019, in plain words instead of tokens of their own, so that a
pretrained T5 starts from what the words mean). Each is left out now and then, so that none has to be given.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from adcraft.ad_copy.fields import Kind
from adcraft.ad_copy.languages import language_of
from adcraft.workload import Record

Length = Literal["", "short", "long"]
_GIVEN = {"length": 0.5, "tone": 0.75, "action": 0.5, "audience": 0.5, "language": 0.25, "including": 0.35}
_ORDINARY = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Controls:
    """What is asked of one text; what is empty is left to the model.

    Attributes:
        kind: of text.
        length: among texts of its kind.
        tone: in a word, such as ``playful``.
        action: whether it calls the reader to act; None: either.
        audience: whom it speaks of, such as ``women``.
        language: its tag, such as ``en``.
        including: words that it must have.
    """

    kind: Kind = "body"
    length: Length = ""
    tone: str = ""
    action: bool | None = None
    audience: str = ""
    language: str = ""
    including: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As the model reads them: ``headline, short, playful, action, for women, in en, with cotton``."""
        action = {None: "", True: "action", False: "no action"}[self.action]
        audience = self.audience and f"for {self.audience}"
        language = self.language and f"in {self.language}"
        including = (f"with {word}" for word in self.including)
        words = (self.kind, self.length, self.tone, action, audience, language, *including)
        return ", ".join(word for word in words if word)


class _Lengths(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    short: int
    long: int


class _Signs(BaseModel):
    """``controls.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    lengths: dict[Kind, _Lengths]
    actions: list[str]
    audiences: list[str]
    ordinary: list[str]


def length_of(kind: Kind, text: str) -> Length:
    """Among texts of its kind, by characters."""
    limits = _signs().lengths[kind]
    if len(text) <= limits.short:
        return "short"
    return "long" if len(text) >= limits.long else ""


def calls_to_act(text: str) -> bool:
    """Whether a sentence or a clause of ``text`` begins with a verb that asks the reader to do something."""
    return _actions().search(text) is not None


def audience_of(text: str) -> str:
    """Whom ``text`` says it is for, in lower case; "" where it does not. "Men's shirts" are for men."""
    found = _audiences().search(text)
    return (found[1] or found[2]).lower() if found else ""


def audience_for(record: Record) -> str:
    """Whom the product is for by its record, where texts speak of them; ""."""
    gender = (record.get("gender") or "").lower()
    return gender if gender in _signs().audiences else ""


def tone_of(record: Record) -> str:
    """The tone that the record asks for, or was written in."""
    return (record.get("tone") or "").strip().lower()


def controls_of(kind: Kind, text: str, record: Record, tone: str = "") -> Controls:
    """All that is true of ``text``, which was written for ``record`` in ``tone``."""
    return Controls(
        kind=kind,
        length=length_of(kind, text),
        tone=tone,
        action=calls_to_act(text),
        audience=audience_of(text),
        language=language_of(text),
        including=telling_words(text, record),
    )


def some_of(controls: Controls, record: Record, text: str) -> Controls:
    """The controls that the training prompt of ``text`` gives: some, by record and text alone, so that every
    run gives the same.
    """
    draw = functools.partial(chance, record, controls.kind, text)
    left_out = {name for name, share in _GIVEN.items() if draw(name) >= share}
    nothing = Controls()
    given = replace(controls, **{name: getattr(nothing, name) for name in left_out})
    words = given.including
    return replace(given, including=words[int(draw("which") * len(words)) :][:1])


def chance(record: Record, *what: str) -> float:
    """From 0 to below 1, by the arguments alone."""
    key = "\x1f".join((record.get("id") or "", record.get("product_name") or "", *what))
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest(), "big") / 2**48


def telling_words(text: str, record: Record) -> tuple[str, ...]:
    """Words of ``text`` that somebody may ask for, in lower case: not the brand, none that every text has."""
    brand = (record.get("brand") or "").lower()
    words = dict.fromkeys(word.lower() for word in _ORDINARY.findall(text))
    return tuple(word for word in words if word not in _ordinary() and word not in brand)


@functools.cache
def _signs() -> _Signs:
    text = (resources.files(__package__) / "controls.yaml").read_text("utf-8")
    return _Signs.model_validate(yaml.safe_load(text))


@functools.cache
def _actions() -> re.Pattern[str]:
    return re.compile(rf"(?:^|[.!?:;,–—]\s+)(?:{_any(_signs().actions)})\b(?!['’-])", re.IGNORECASE)


@functools.cache
def _audiences() -> re.Pattern[str]:
    those = _any(_signs().audiences)
    return re.compile(rf"\bfor (?:\w+ ){{0,2}}?({those})\b|\b({those})['’]s?(?=\s)", re.IGNORECASE)


@functools.cache
def _ordinary() -> frozenset[str]:
    return frozenset(_signs().ordinary)


def _any(words: Sequence[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
