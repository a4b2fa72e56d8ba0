"""Tell what was decided about the registered model: promotions, forced ones, refusals, rollbacks.

The newest comes first, each with when, by whom, from which version to which, and why; the line of JSON has
the figures and the rules too. It is read from the tags of the model versions, which a decision is written to
before an alias moves.
"""

from __future__ import annotations

import argparse
from typing import Any

from adcraft.errors import SettingsError
from adcraft.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the stage takes."""
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help="so many, 0: all; default: %(default)s"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the trail and print it.

    Raises:
        SettingsError: the limit is below 0.
        AliasError: no such model is registered.
        TrackingError: MLflow does not answer.
    """
    from adcraft.decision.trail import history, in_retrospect
    from adcraft.registry import Registry

    if arguments.limit < 0:
        raise SettingsError(f"--limit {arguments.limit} is below 0; 0 shows all decisions.")
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    aliases = registry.aliases()
    decisions = history(registry.tags_of_all())
    shown = decisions[: arguments.limit or None]
    print(f"{settings.tracking.model}: {_now(aliases)}; {_count(len(decisions), len(shown))}")
    for decision in shown:
        print(in_retrospect(decision))
    return {
        "model": settings.tracking.model,
        "aliases": aliases,
        "total": len(decisions),
        "decisions": [decision.model_dump(mode="json", by_alias=True) for decision in shown],
    }


def _now(aliases: dict[str, str]) -> str:
    named = [f"{alias} is version {version}" for alias, version in sorted(aliases.items())]
    return ", ".join(named) or "no version has an alias"


def _count(total: int, shown: int) -> str:
    if not total:
        return "nothing was decided so far"
    return f"{total} decided" if shown == total else f"the last {shown} of {total} decided"
