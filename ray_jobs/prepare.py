"""Turn a product feed into a versioned dataset with Ray Data: clean, validate, drop duplicates, split.

data.source is a file, a folder, a glob, or hf:NAME[:SPLIT]; usual column names are recognised, others
are given as --set data.columns.product_name=COLUMN. Rows that can't be used are kept beside, with the
reason. The same feed and settings give the same version, byte for byte.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from adcraft.settings import Settings
from adcraft.workloads import get_workload
from cluster.session import ray_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Preparing takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Prepare, and say which version came out and where the rows went."""
    from adcraft.data.plan import plan_preparation

    plan = plan_preparation(settings.data, get_workload(settings.workload))
    with ray_session(settings):
        from adcraft.data.preparation import prepare

        prepared = prepare(plan)
    print(prepared.report, file=sys.stderr, flush=True)
    dataset = prepared.dataset
    manifest = dataset.manifest
    return {
        "name": dataset.name,
        "version": dataset.version,
        "path": str(dataset.path),
        "reused": prepared.reused,
        "rows": manifest.rows.model_dump(by_alias=True),
        "reasons": manifest.reasons,
        "splits": {name: split.rows for name, split in manifest.splits.items()},
        "target_fields": manifest.target_fields,
    }
