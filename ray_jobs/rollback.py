"""Bring the previous champion back. The champion becomes previous, so a second rollback undoes the first.

Who did it, when, and from which version to which is kept: as tags of the model versions, and in the MLflow
run of the version that is brought back. A version that was rolled back is not promoted again unless forced.
"""

from __future__ import annotations

import argparse
from typing import Any

from adcraft.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Rolling back takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Swap champion and previous."""
    from adcraft.decision.promotion import rollback
    from adcraft.decision.trail import in_words

    decided = rollback(settings)
    print(in_words(decided.decision))
    return {
        "rolled_back": True,
        "reused": decided.reused,
        **decided.decision.model_dump(mode="json", by_alias=True),
    }
