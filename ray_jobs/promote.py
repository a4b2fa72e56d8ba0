"""Make the challenger champion, if its evaluation says that it is better beyond noise and no worse.

It must gain more than promote.margin on the promote.primary metric, and not lose more than promote.guards
allow on the others, by the intervals of the paired bootstrap over promote.min_products products or more. The
old champion becomes previous. Either way the reasons are printed and kept: as tags of the model versions, and
in the challenger's MLflow run. Run evaluate first. A refusal is a result, not an error: the exit code is 0,
and "promoted" is false.
"""

from __future__ import annotations

import argparse
from typing import Any

from adcraft.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the stage takes."""
    parser.add_argument(
        "--force", action="store_true", help="promote whatever the figures say (promote.force); recorded"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Decide, say why, and move the aliases if that is the decision."""
    from adcraft.decision.promotion import promote
    from adcraft.decision.trail import in_words

    if arguments.force:
        rules = settings.promote.model_copy(update={"force": True})
        settings = settings.model_copy(update={"promote": rules})
    decided = promote(settings)
    decision = decided.decision
    print(in_words(decision))
    return {
        "promoted": decision.action == "promote",
        "reused": decided.reused,
        **decision.model_dump(mode="json", by_alias=True),
    }
