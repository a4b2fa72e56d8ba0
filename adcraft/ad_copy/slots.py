"""Slots: brand, product name, price and every other number travel through the model as tokens.

The pair of functions at the heart of this module is pure and exact::

    template, slots = delexicalise(text, anchors)
    lexicalise(template, slots) == text          # for any text

so copy can't misspell a brand or invent a price, and a small model can write about products it has
never seen. Delexicalisation of generation input goes back to Wen et al., "Semantically Conditioned
LSTM-based Natural Language Generation for Spoken Dialogue Systems", EMNLP 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BRAND, NAME, PRICE = "<brand>", "<name>", "<price>"
NUMBERS = tuple(f"<n{index}>" for index in range(1, 25))
SLOT_TOKENS = (BRAND, NAME, PRICE, *NUMBERS)

_TOKEN = re.compile("|".join(re.escape(token) for token in SLOT_TOKENS))
NUMBER = re.compile(r"\d(?:[\d.,]{0,30}\d)?")
"""A number with its inner separators; letters around it stay text: "T20" is "T" and a number. A run
is cut after 32 characters, so one absurd number can't become one absurd slot."""
# A text that spells a token itself gets a backslash into it, and one more for each it had.
_SPELT = rf"<\\*(?:{'|'.join(token[1:-1] for token in SLOT_TOKENS)})>"
_EITHER = re.compile(rf"{_TOKEN.pattern}|(?P<escaped>{_SPELT.replace('*', '+', 1)})")
_FIXED = re.compile(rf"(?P<spelt>{_SPELT})|(?P<number>{NUMBER.pattern})")
_IN_NUMBER = re.compile(r"[\d.,]")
_GOES_ON = re.compile(r"[.,]?\d")
_OWN_TOKEN = {"brand": BRAND, "name": NAME, "price": PRICE}


@dataclass(frozen=True)
class Anchors:
    """The strings of one product that have a slot of their own; "" where it has none."""

    brand: str = ""
    name: str = ""
    price: str = ""


class SlotError(ValueError):
    """A template has a slot token that nothing is known for."""


def delexicalise(
    text: str, anchors: Anchors, slots: Mapping[str, str] | None = None
) -> tuple[str, dict[str, str]]:
    """Replace what must stay verbatim by slot tokens.

    Args:
        text: any text, even one that contains the slot tokens' own spelling.
        anchors: the product's brand, name and price.
        slots: slots given out before (for the same product's other texts); a number in it keeps
            its token, a new one gets the next.

    Returns:
        The template, and the slots known after it: those passed in and the new ones. Where the
        tokens have run out (more than 24 different numbers) a number stays as it is.
    """
    known = dict(slots or {})
    token_of = {value: token for token, value in known.items()}
    free = iter([token for token in NUMBERS if token not in known])
    out: list[str] = []
    end = 0
    for start, stop, kind in _spans(text, anchors):
        surface = text[start:stop]
        if kind == "spelt":
            replacement = "<\\" + surface[1:]
        elif surface in token_of:
            replacement = token_of[surface]
        else:
            own = _OWN_TOKEN.get(kind)
            token = own if own and own not in known else next(free, None)
            if token is None:
                continue
            known[token] = surface
            token_of[surface] = replacement = token
        out += text[end:start], replacement
        end = stop
    out.append(text[end:])
    return "".join(out), known


def lexicalise(template: str, slots: Mapping[str, str]) -> str:
    """Put the verbatim strings back.

    Raises:
        SlotError: the template has a slot token that ``slots`` does not know.
    """

    def surface(match: re.Match[str]) -> str:
        if match.lastgroup == "escaped":
            return "<" + match.group()[2:]
        try:
            return slots[match.group()]
        except KeyError:
            known = ", ".join(sorted(slots)) or "none"
            raise SlotError(f"No value for slot {match.group()}; known: {known}.") from None

    return _EITHER.sub(surface, template)


def tokens_in(template: str) -> list[str]:
    """The slot tokens of a template, in order, with repeats."""
    return _TOKEN.findall(template)


def _spans(text: str, anchors: Anchors) -> Iterator[tuple[int, int, str]]:
    """What to replace, from left to right without overlap: (start, stop, kind)."""
    anchored = sorted(_anchored(text, anchors))
    position = index = 0
    fixed = _FIXED.search(text)
    while True:
        while index < len(anchored) and anchored[index][0] < position:
            index += 1
        if fixed and fixed.start() < position:
            fixed = _FIXED.search(text, position)
        anchor = anchored[index] if index < len(anchored) else None
        if anchor and (not fixed or anchor[0] < fixed.start() + (fixed.lastgroup == "number")):
            start, _, stop, kind = anchor
        elif fixed:
            start, stop, kind = fixed.start(), fixed.end(), fixed.lastgroup or ""
        else:
            return
        yield start, stop, kind
        position = stop


def _anchored(text: str, anchors: Anchors) -> Iterator[tuple[int, int, int, str]]:
    """Where the anchors stand: (start, rank among those that start there, stop, kind)."""
    for rank, (kind, words) in enumerate((("name", anchors.name), ("brand", anchors.brand))):
        for start in _occurrences(text, words):
            stop = start + len(words)
            if not (_is_word(text[start - 1 : start]) or _is_word(text[stop : stop + 1])):
                yield start, rank, stop, kind
    if anchors.price and anchors.price.strip():
        for rank, spelling in enumerate(price_spellings(anchors.price), start=2):
            for start in _occurrences(text, spelling):
                stop = start + len(spelling)
                if not _IN_NUMBER.search(text[max(0, start - 1) : start]) and not _GOES_ON.match(text, stop):
                    yield start, rank, stop, "price"


def _occurrences(text: str, words: str) -> Iterator[int]:
    start = text.find(words) if words else -1
    while start >= 0:
        yield start
        start = text.find(words, start + 1)


def _is_word(character: str) -> bool:
    """Whether a word goes on with it (the brand "W" is not in "We")."""
    return character.isalnum() or character == "_"


def price_spellings(price: str) -> list[str]:
    """Ways to write one price, longest first: ``1,299.00``, ``1299.00``, ``1,299``, ``1299``.

    What stands around the number in ``price`` (a currency) stands around it in each of them.
    """
    match = re.fullmatch(r"(\D*)(\d+)(?:\.(\d+))?(\D*)", price)
    if not match:
        return [price]
    before, whole, cents, after = match.groups()
    grouped = f"{int(whole):,}" if len(whole) < 16 else whole
    numbers = {f"{w}.{cents}" for w in (whole, grouped)} if cents else set()
    if not cents or not cents.strip("0"):
        numbers |= {f"{w}.00" for w in (whole, grouped)} | {whole, grouped}
    return sorted((before + number + after for number in numbers), key=lambda s: (-len(s), s))
