"""Invented brand names, built from syllables: number in, name out, always the same."""

from __future__ import annotations

import functools
import random

_FIRST = (
    "Ald Ar Bel Bran Bru Cal Cor Dal Del Dor Eld Fal Fen Fior Gal Gren Gro Hal Har Hes Il Is Jor Jun "
    "Kal Kes Kor Lan Lin Lor Lum Mal Mer Mir Mon Nal Ner Nim Nor Ol Or Ost Pel Per Pir Quil Ral Ril Ros "
    "Sal Sel Sor Ster Tal Tam Thal Tol Tor Val Vel Ver Vin Wal Wex Wil Yar Zan Zel"
).split()
_MIDDLE = (
    "a ada ala ami an ara as ava e ela em en era i ian ida il in ira o ola on ora ova u ula una y".split()
)
_LAST = (
    "bek bourne bray by cote dane dell den dine do dorf dry fell fex ford fray gard gate ham hart holt "
    "kin la land lane lay len lie lo lume ly mar mere mond mont mora nell ness nix no quist ra rell ren "
    "rin ro roth sen shaw som stad stell sten ta tane tel thorn tine ton tor va vale vance vik ville "
    "wen wick wold xa zo"
).split()
_SECOND = "& Sons|& Daughters|Studio|House|Works|Lane|Supply|& Co|Atelier|Makers".split("|")
_ACCENTS = str.maketrans({"a": "á", "e": "é", "o": "ö", "u": "ü", "i": "í"})

# Real brands and words that the syllables could spell. Compared without case, as part of the name.
_REFUSED = (
    "adidas aldi amazon anal apple arse asics asus belly bosch braun canon casio cartier cisco clarks "
    "colgate corona crap dell delsey delta dior dove dyson fendi fila fossil garmin gucci haribo hermes "
    "huawei ikea illy intel kodak lego lenovo levi logitech loreal lumix makita mattel merrell miele nazi "
    "nestle nike nikon nivea nokia omega oral oreo orville osprey pampers pandora panasonic parker "
    "pelikan philips piss porn prada puma purina ralph rape rado reebok rolex salomon samsung sanyo sex "
    "shit slut sony stihl swatch tefal timberland tissot tit tommy toshiba valentino versace vileda "
    "volvo walmart wilson xerox yamaha zara"
).split()


@functools.lru_cache(maxsize=65_536)
def brand(number: int) -> str:
    """The name of brand ``number``: the same on every machine and in every run."""
    draw = random.Random(f"brand {number}")
    while True:
        name = _name(draw)
        letters = name.lower().replace(" ", "")
        if not any(word in letters for word in _REFUSED):
            return name


def _name(draw: random.Random) -> str:
    middle = draw.choice(_MIDDLE) if draw.random() < 0.45 else ""
    word = draw.choice(_FIRST) + middle + draw.choice(_LAST)
    style = draw.random()
    if style < 0.06:
        return _accent_once(word)
    if style < 0.14:
        return f"{word} {draw.choice(_SECOND)}"
    if style < 0.18:
        return f"{word} & {draw.choice(_FIRST)}{draw.choice(_LAST)}"
    return word


def _accent_once(word: str) -> str:
    """Accent the last vowel that can carry one."""
    for position in range(len(word) - 1, 0, -1):
        accented = word[position].translate(_ACCENTS)
        if accented != word[position]:
            return word[:position] + accented + word[position + 1 :]
    return word
