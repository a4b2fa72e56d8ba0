"""The vocabulary map: the pieces that an answer may have, so that no other's probability is computed.

CTranslate2 reads it from ``vmap.txt`` beside ``model.bin``. A line has an n-gram of the source, a tab, and
the pieces that may be written where a source of the batch has it; those of the empty n-gram always may.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from adcraft.errors import BundleError

VOCABULARY_MAP = "vmap.txt"
_SEPARATORS = frozenset(" \t\n")


@dataclass(frozen=True)
class VocabularyMap:
    """Pieces by their strings.

    Attributes:
        always: that any answer may have.
        copied: that an answer may have where the source has them.
    """

    always: tuple[str, ...]
    copied: tuple[str, ...] = ()

    @classmethod
    def of(cls, vocabulary: Sequence[str], always: Collection[int]) -> VocabularyMap:
        """The map of ``vocabulary`` whose ids ``always`` may be written, and the others be copied."""
        kept = frozenset(always)
        return cls(
            always=tuple(token for index, token in enumerate(vocabulary) if index in kept),
            copied=tuple(token for index, token in enumerate(vocabulary) if index not in kept),
        )

    @property
    def writable(self) -> bool:
        """Whether the format has room for its pieces: none holds a character that separates them."""
        return not any(_SEPARATORS & set(token) for token in (*self.always, *self.copied))

    def write(self, file: Path) -> None:
        """As CTranslate2 reads it; the same map is the same file.

        Raises:
            BundleError: it is not ``writable``.
        """
        if not self.writable:
            raise BundleError(f"{file} can't be written: a piece holds a space, a tab or a line's end.")
        lines = ["\t" + " ".join(self.always), *(f"{token}\t{token}" for token in self.copied)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def read_vocabulary_map(file: Path) -> VocabularyMap:
    """What :meth:`VocabularyMap.write` wrote.

    Raises:
        BundleError: it can't be read, or is no such map.
    """
    try:
        first, *others = file.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise BundleError(f"The vocabulary map {file} can't be read: {error}.") from None
    copied = [line.split("\t") for line in others]
    if not first.startswith("\t") or any(len(pair) != 2 or pair[0] != pair[1] for pair in copied):
        raise BundleError(f"{file} is not a vocabulary map of Adcraft's. Fetch the model version again.")
    return VocabularyMap(tuple(first[1:].split(" ")), tuple(pair[0] for pair in copied))


def check_vocabulary_map(found: VocabularyMap, engine: Sequence[str], *, where: str) -> None:
    """CTranslate2 takes a piece that it does not know for ``<unk>``, and says nothing.

    Raises:
        BundleError: the map has a piece that is not of the engine's vocabulary.
    """
    if strange := {*found.always, *found.copied} - set(engine):
        raise BundleError(
            f"The vocabulary map at {where} has {min(strange)!r}, which the engine does not; the model could "
            "not write it. Convert it again."
        )
