"""What is stamped onto every manifest: Ray's version, image tag, entry points, Serve's configuration."""

from __future__ import annotations

from typing import Any

from cluster.kuberay.entry_points import PIPELINE, entry_points
from cluster.kuberay.release import IMAGE, ROOT, Device, image_tag, ray_version
from cluster.kuberay.yaml_text import to_yaml

SERVE_CONFIG = ROOT / "serve_app" / "serve.kuberay.yaml"


def stamp(device: Device) -> dict[str, Any]:
    """A Kustomize component that does it, to every object there is."""
    ray = ray_version()
    commands = entry_points(device)
    serve = SERVE_CONFIG.read_text(encoding="utf-8")
    jobs = [
        _patch("RayJob", f"adcraft-{name}", {"/spec/entrypoint": command})
        for name, command in commands.items()
        if name != PIPELINE
    ]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "images": [{"name": IMAGE, "newTag": image_tag(device, ray)}],
        "patches": [
            _patch("RayCluster", "", {"/spec/rayVersion": ray}),
            _patch(  # a text that ends a patch would lose its last line end
                "RayService", "", {"/spec/serveConfigV2": serve, "/spec/rayClusterConfig/rayVersion": ray}
            ),
            *jobs,
            _patch("RayCronJob", "", {"/spec/jobTemplate/entrypoint": commands[PIPELINE]}),
        ],
    }


def _patch(kind: str, name: str, added: dict[str, str]) -> dict[str, Any]:
    """Kustomize reads a patch from a text."""
    operations = [{"op": "add", "path": path, "value": value} for path, value in added.items()]
    target = {"kind": kind, "name": name} if name else {"kind": kind}
    return {"target": target, "patch": to_yaml(operations)}
