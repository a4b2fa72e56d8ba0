"""What is wrong with manifests, for each object: by which layer, where, and what to do.

    python -m cluster.kuberay.check FOLDER_OR_FILE...

Give it what would be applied: rendered manifests, such as ``cluster/kuberay/rendered``, or your own. A file
that holds the namespace is also looked at as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import SettingsError
from cluster.kuberay.checks.core_layer import check_core
from cluster.kuberay.checks.crd_layer import check_crd
from cluster.kuberay.checks.house_layer import check_house, check_house_together
from cluster.kuberay.checks.manifest import Finding, Manifest, read_manifests
from cluster.kuberay.checks.operator_layer import check_operator

_LAYERS = (check_crd, check_core, check_operator, check_house)


def check(manifests: Sequence[Manifest]) -> list[tuple[Manifest, Finding]]:
    """All findings. Objects of one file are one namespace's."""
    found = [(each, finding) for each in manifests for layer in _LAYERS for finding in layer(each)]
    for file in dict.fromkeys(each.file for each in manifests):
        found += check_house_together([each for each in manifests if each.file == file])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; the exit code is that of wrong settings where something is wrong."""
    parser = console.Parser(prog="python -m cluster.kuberay.check", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER_OR_FILE")
    parsed = parser.parse_args(arguments)
    return console.run("cluster.kuberay.check", "check", False, lambda: _run(parsed.paths))


def _run(paths: Sequence[Path]) -> dict[str, Any]:
    manifests = read_manifests(paths)
    found = check(manifests)
    last = None
    for manifest, finding in sorted(found, key=lambda each: str(each[0])):
        if manifest is not last:
            print(manifest)
        print(f"  {finding}")
        last = manifest
    if found:
        raise SettingsError(
            f"{len(found)} faults in {len({id(each) for each, _ in found})} objects; see above."
        )
    return {"objects": len(manifests)}


if __name__ == "__main__":
    sys.exit(main())
