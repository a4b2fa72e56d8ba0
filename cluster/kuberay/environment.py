"""Environment of the Ray pods, as ConfigMaps: that of any Ray which is started here, and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.ingress_proxy import haproxy_variables
from cluster.session import ENVIRONMENT

HOME = "/adcraft"
_ADDRESSES = {
    "ADCRAFT_HOME": HOME,
    "ADCRAFT_FEED": f"{HOME}/feeds/products.csv",
    "HF_HOME": f"{HOME}/huggingface",
    "MLFLOW_TRACKING_URI": "http://mlflow:5000",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_HAPROXY = Path("/opt/adcraft/bin/haproxy")  # put there by the Dockerfiles
_HAPROXY_FOLDER = Path("/tmp/haproxy")  # noqa: S108 - of a container, where nobody else is
_FALLBACK_PORT = 8500


def environment_maps() -> dict[str, dict[str, Any]]:
    """ConfigMaps by the name of their file."""
    serve = haproxy_variables(_HAPROXY, _HAPROXY_FOLDER, _FALLBACK_PORT)
    return {
        "configmap.environment.yaml": config_map("adcraft-environment", {**ENVIRONMENT, **_ADDRESSES}),
        "configmap.serve-environment.yaml": config_map("adcraft-serve-environment", serve),
    }


def config_map(name: str, data: Mapping[str, str], labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A ConfigMap."""
    metadata: dict[str, Any] = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
