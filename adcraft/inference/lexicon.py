"""What the texts that a model learnt from say of single words: a small model spells some that do not exist,
and takes others from a product that it does not write about.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adcraft.errors import BundleError
from adcraft.workload import Example

LEXICON = "lexicon.json"
WORD = re.compile(r"[^\W\d_]{2,}")
_SLOT = re.compile(r"<\w+>")
_LEAST_KNOWN, _LEAST_DRAWN, _DRAWN_SHARE = 3, 8, 0.97


class Lexicon(BaseModel):
    """Words of two letters or more, in lower case.

    Attributes:
        known: that the texts have, not the prompts for them; none: any word may be one.
        drawn: by task, those that its texts have only where the prompt has them, so that they say something
            of the product, as "collar" does and "enjoy" does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    known: frozenset[str] = frozenset()
    drawn: dict[str, frozenset[str]] = {}

    def write(self, file: Path) -> None:
        """As JSON, the words sorted: the same lexicon is the same file."""
        drawn = {task: sorted(those) for task, those in sorted(self.drawn.items())}
        plain = {"known": sorted(self.known), "drawn": drawn}
        file.write_text(json.dumps(plain, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read_lexicon(file: Path) -> Lexicon:
    """The lexicon of a file; one that knows nothing, where it does not exist.

    Raises:
        BundleError: it can't be read.
    """
    if not file.exists():
        return Lexicon()
    try:
        return Lexicon.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{file} can't be read as a lexicon: {str(error).splitlines()[0]}.") from None


class LexiconCounter:
    """Counts words, example by example."""

    def __init__(self) -> None:
        self.examples = 0
        self._seen: Counter[str] = Counter()
        self._used: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._shown: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, example: Example) -> None:
        """Count an example's words, each once in its prompt and once in its text."""
        self.examples += 1
        source, target = words_of(example.source), words_of(example.target)
        self._seen.update(target)
        self._used[example.task].update(target)
        self._shown[example.task].update(target & source)

    def lexicon(self, *, closed: bool) -> Lexicon:
        """What was counted.

        Args:
            closed: the model has read nothing else, so that it knows no other word.
        """
        known = {word for word, count in self._seen.items() if count >= _LEAST_KNOWN} if closed else ()
        drawn = {
            task: frozenset(
                word
                for word, count in used.items()
                if count >= _LEAST_DRAWN and self._shown[task][word] >= _DRAWN_SHARE * count
            )
            for task, used in self._used.items()
        }
        return Lexicon(known=frozenset(known), drawn=drawn)


def words_of(text: str) -> set[str]:
    """The words of a text that are counted; slot tokens are none."""
    return {word.lower() for word in WORD.findall(_SLOT.sub(" ", text))}
