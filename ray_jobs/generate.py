"""Write copy for a whole catalogue: every row of data.source, by the champion, into one file.

generate.output ends in .csv, .jsonl or .parquet and has a line for each row of the feed, in its order: the
row, id, product, brand, the texts of each asset of generate.placement, which of these are templates, and,
where there are none, why. With generate.upload a second file stands beside it, which Google Ads Editor, Meta
Ads Manager or Microsoft Advertising imports: the ads alone, paused. A job that was killed goes on where it
was when the same command runs again; one that had finished says so.
"""

from __future__ import annotations

import argparse
from typing import Any

from adcraft.settings import Settings
from cluster.session import ray_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Generating takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Write, or find it written, and say what came out."""
    from adcraft.ad_copy.catalogue_copy import AdForm
    from adcraft.catalogue.plan import missing, plan_catalogue
    from adcraft.catalogue.run import alone, done_before, finish, write_missing
    from adcraft.registry import Registry

    registry = Registry(settings.tracking.uri, settings.tracking.model)
    plan = plan_catalogue(settings, registry, AdForm.of(settings.generate))
    with alone(plan):
        copy = None if settings.generate.fresh else done_before(plan)
        reused = copy is not None
        if copy is None:
            if missing(plan):
                with ray_session(settings):
                    write_missing(plan)
            copy = finish(plan)
    version = plan.version
    return {
        "output": str(plan.output),
        "upload": str(plan.upload) if plan.upload else None,
        "model": version.name,
        "model_version": version.version,
        "aliases": list(version.aliases),
        "rows": {"in": copy.rows, "written": copy.rows - copy.failed, "failed": copy.failed},
        "sha256": copy.sha256,
        "reused": reused,
    }
