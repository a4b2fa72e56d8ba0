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
from collections.abc import Mapping
from dataclasses import dataclass

BRAND, NAME, PRICE = "<brand>", "<name>", "<price>"
NUMBERS = tuple(f"<n{index}>" for index in range(1, 25))
SLOT_TOKENS = (BRAND, NAME, PRICE, *NUMBERS)

_TOKEN = re.compile("|".join(re.escape(token) for token in SLOT_TOKENS))
# A text that spells a token itself gets a backslash into it, and one more for each it had.
_SPELT = rf"<\\*(?:{'|'.join(token[1:-1] for token in SLOT_TOKENS)})>"
_EITHER = re.compile(rf"{_TOKEN.pattern}|(?P<escaped>{_SPELT.replace('*', '+', 1)})")
_OWN_TOKEN = {"brand": BRAND, "name": NAME, "price": PRICE}
# A number with its inner separators; letters around it stay text: "T20" is "T" and a number. A run
# is cut after 32 characters, so one absurd number can't become one absurd slot.
_NUMBER = re.compile(r"\d(?:[\d.,]{0,30}\d)?")


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
    for match in _pattern(anchors).finditer(text):
        surface = match.group()
        if match.lastgroup == "spelt":
            replacement = "<\\" + surface[1:]
        elif surface in token_of:
            replacement = token_of[surface]
        else:
            own = _OWN_TOKEN.get(match.lastgroup or "")
            token = own if own and own not in known else next(free, None)
            if token is None:
                continue
            known[token] = surface
            token_of[surface] = replacement = token
        out += text[end : match.start()], replacement
        end = match.end()
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


def _pattern(anchors: Anchors) -> re.Pattern[str]:
    alternatives = [f"(?P<spelt>{_SPELT})"]
    if anchors.name:
        alternatives.append(f"(?P<name>{_whole(anchors.name)})")
    if anchors.brand:
        alternatives.append(f"(?P<brand>{_whole(anchors.brand)})")
    if anchors.price:
        spellings = "|".join(re.escape(spelling) for spelling in price_spellings(anchors.price))
        alternatives.append(rf"(?P<price>(?<![\d.,])(?:{spellings})(?![.,]?\d))")
    alternatives.append(f"(?P<number>{_NUMBER.pattern})")
    return re.compile("|".join(alternatives))


def _whole(words: str) -> str:
    """Match ``words`` only where no word goes on at either end (the brand "W" is not in "We")."""
    return rf"(?<!\w){re.escape(words)}(?!\w)"


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
