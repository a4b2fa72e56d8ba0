"""Completes the manifests: what stands elsewhere in the project is put in, and each overlay is built.

    python -m cluster.kuberay.render [--check]

writes ``generated/`` and ``base/generated/`` (version, image tag, entry points, Serve configuration,
environment, dashboards), and by ``kubectl kustomize`` what ``kubectl apply`` would send: ``rendered/``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import ClusterError, SettingsError
from cluster.kuberay.dashboard_maps import dashboard_maps, prometheus_rule
from cluster.kuberay.environment import environment_maps
from cluster.kuberay.release import DEVICES, ROOT
from cluster.kuberay.stamp import stamp
from cluster.kuberay.yaml_text import to_yaml

HERE = Path(__file__).parent
OVERLAYS = ("dev", "prod", "gpu")
_HEADER = "# Made by 'make manifests'; change what it is made from.\n"


def generated() -> dict[str, str]:
    """Every generated file below this folder, and its text."""
    dashboards = ROOT / "dashboards" / "built"
    maps = {
        **environment_maps(),
        **dashboard_maps(dashboards),
        **prometheus_rule(dashboards / "prometheus" / "rules.yaml"),
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(maps),
    }
    files = {f"base/generated/{name}": to_yaml(tree) for name, tree in maps.items()}
    files["base/generated/kustomization.yaml"] = to_yaml(kustomization)
    for device in DEVICES:
        files[f"generated/{device}/kustomization.yaml"] = to_yaml(stamp(device))
    return {name: _HEADER + text for name, text in files.items()}


def built(overlay: str, folder: Path = HERE) -> dict[str, str]:
    """What ``kubectl kustomize`` makes of an overlay, and of its jobs.

    Raises:
        ClusterError: there is no kubectl, or it refuses.
    """
    if not shutil.which("kubectl"):
        raise ClusterError("kubectl is not installed, and builds the overlays. Install it, 1.28 or newer.")
    texts = {}
    for name, path in ((overlay, overlay), (f"{overlay}-jobs", f"{overlay}/jobs")):
        done = subprocess.run(
            ["kubectl", "kustomize", str(folder / "overlays" / path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"kubectl kustomize overlays/{path}: {done.stderr.strip()}")
        texts[f"rendered/{name}.yaml"] = _HEADER + done.stdout
    return texts


def _write(files: Mapping[str, str], folders: tuple[str, ...]) -> None:
    for folder in folders:
        for old in (HERE / folder).rglob("*.yaml"):
            if old.relative_to(HERE).as_posix() not in files:
                old.unlink()
    for name, text in files.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _differing(files: Mapping[str, str]) -> list[str]:
    return [
        name
        for name, text in files.items()
        if not (HERE / name).is_file() or (HERE / name).read_text(encoding="utf-8") != text
    ]


def _run(check: bool) -> dict[str, Any]:
    files = generated()
    if check and (old := _differing(files)):
        raise SettingsError(f"Not as 'make manifests' makes it: {', '.join(old)}. Run it, and commit.")
    if not check:
        _write(files, ("base/generated", "generated"))
    overlays = {name: text for overlay in OVERLAYS for name, text in built(overlay).items()}
    if check and (old := _differing(overlays)):
        raise SettingsError(f"Not as 'make manifests' makes it: {', '.join(old)}. Run it, and commit.")
    if not check:
        _write(overlays, ("rendered",))
    return {"files": len(files) + len(overlays)}


def main() -> int:
    """Write the files, or see that they are as they would be written."""
    parser = console.Parser(prog="python -m cluster.kuberay.render", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a file would change")
    parsed = parser.parse_args()
    return console.run("cluster.kuberay.render", "manifests", False, lambda: _run(parsed.check))


if __name__ == "__main__":
    sys.exit(main())
