"""Languages, and which one a text is in: by its script and its function words (``languages.yaml``)."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping
from importlib import resources

import regex
import yaml
from pydantic import BaseModel, ConfigDict

_LATIN = "Latin"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SHARE = 0.3  # of letters: a brand in Latin ones may stand beside words that are not
_LEAST, _SURE, _AHEAD = 2, 1.0, 1.5


class Language(BaseModel):
    """One language.

    Attributes:
        scripts: that it is written in, by Unicode's names.
        function_words: in lower case; none are known of a language that has a script to itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    scripts: list[str] = [_LATIN]
    function_words: list[str] = []


def language_of(text: str) -> str:
    """The tag of the language that ``text`` is in, such as ``en``; "" where that is not sure: it has too few
    function words, or as many of another language, or its script is that of several.
    """
    foreign = _not_latin().sub("", text)
    if sum(map(str.isalpha, foreign)) > _SHARE * sum(map(str.isalpha, text)):
        return _by_script(foreign)
    known = languages_of()
    told = [known[word] for word in {word.lower() for word in _WORD.findall(text)} if word in known]
    scores = Counter[str]()
    for tags in told:
        scores.update(dict.fromkeys(tags, 1 / len(tags)))  # "de" is a word of many: it tells little
    (likeliest, most), (_, next_most) = (*scores.most_common(2), ("", 0.0), ("", 0.0))[:2]
    sure = most >= _SURE and most > _AHEAD * next_most
    return likeliest if sure and sum(likeliest in tags for tags in told) >= _LEAST else ""


@functools.cache
def languages() -> Mapping[str, Language]:
    """All that are known, by tag."""
    text = (resources.files(__package__) / "languages.yaml").read_text("utf-8")
    tree = yaml.safe_load(text)["languages"]
    return {tag: Language.model_validate(language) for tag, language in tree.items()}


@functools.cache
def function_words() -> Mapping[str, frozenset[str]]:
    """By tag, of the languages whose function words are known."""
    return {tag: frozenset(one.function_words) for tag, one in languages().items() if one.function_words}


@functools.cache
def languages_of() -> Mapping[str, tuple[str, ...]]:
    """Function word to the tags of the languages that have it."""
    found: dict[str, tuple[str, ...]] = {}
    for tag, words in function_words().items():
        for word in words:
            found[word] = (*found.get(word, ()), tag)
    return found


@functools.cache
def scripts_of(tag: str) -> regex.Pattern[str]:
    """A character of a script that a language is written in; Latin for one that is not known."""
    language = languages().get(tag, Language())
    return regex.compile("|".join(rf"\p{{scx={script}}}" for script in language.scripts))


@functools.cache
def is_latin(tag: str) -> bool:
    """Whether a language is written in Latin letters; so is one that is not known."""
    return languages().get(tag, Language()).scripts == [_LATIN]


@functools.cache
def _not_latin() -> regex.Pattern[str]:
    """What is to be taken out of a text so that letters of other scripts are left."""
    return regex.compile(r"[\p{Latin}\P{L}]+", regex.V1)


def _by_script(letters: str) -> str:
    """The language whose scripts have all ``letters``, and the fewest others besides; "" for none or many."""
    those = [tag for tag in languages() if not is_latin(tag) and not scripts_of(tag).sub("", letters)]
    fewest = min((len(languages()[tag].scripts) for tag in those), default=0)
    narrowest = [tag for tag in those if len(languages()[tag].scripts) == fewest]
    return narrowest[0] if len(narrowest) == 1 else ""
