"""Specimens: what a model wrote when its bundle was made, to know it again by."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adcraft.errors import BundleError
from adcraft.inference.engine import Engine

SPECIMENS = "specimens.json"
KEPT = 8
"""In a bundle, at most."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Specimen(_Frozen):
    """Token ids that were read, ending in ``</s>``, and those that were written, without it."""

    source: tuple[int, ...]
    written: tuple[int, ...]


class Specimens(_Frozen):
    """Those of a bundle; older ones have none."""

    specimens: tuple[Specimen, ...] = ()

    @property
    def sources(self) -> list[tuple[int, ...]]:
        """What was read."""
        return [specimen.source for specimen in self.specimens]

    def write(self, file: Path) -> None:
        """As JSON."""
        file.write_text(self.model_dump_json() + "\n", encoding="utf-8")


def read_specimens(file: Path) -> Specimens:
    """The specimens of a file; none where it does not exist.

    Raises:
        BundleError: it can't be read.
    """
    if not file.exists():
        return Specimens()
    try:
        return Specimens.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{file} can't be read as specimens: {str(error).splitlines()[0]}.") from None


def take_specimens(engine: Engine, sources: Sequence[Sequence[int]], max_tokens: int) -> Specimens:
    """What ``engine`` writes greedily for ``sources``, at most ``max_tokens`` each."""
    written = write_greedily(engine, sources, max_tokens)
    return Specimens(
        specimens=tuple(
            Specimen(source=tuple(source), written=tuple(ids))
            for source, ids in zip(sources, written, strict=True)
        )
    )


def agreement(engine: Engine, specimens: Specimens, max_tokens: int) -> float:
    """How alike what ``engine`` writes now is to ``specimens``: 1 for the same ids, 0 for none in common;
    1 without any specimen.
    """
    ratios = likeness(write_greedily(engine, specimens.sources, max_tokens), specimens)
    return sum(ratios) / len(ratios) if ratios else 1.0


def write_greedily(engine: Engine, sources: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
    """The ids that ``engine`` writes for each source, all in one batch."""
    decoded = engine.decode(sources, max_tokens=max_tokens, variants=1)
    return [hypotheses[0].ids for hypotheses in decoded]


def likeness(written: Sequence[Sequence[int]], specimens: Specimens) -> list[float]:
    """Of each specimen, the share of ids in common with what was ``written`` now (Ratcliff and Metzener,
    "Pattern Matching: The Gestalt Approach", 1988).
    """
    return [
        SequenceMatcher(None, specimen.written, ids, autojunk=False).ratio()
        for specimen, ids in zip(specimens.specimens, written, strict=True)
    ]
