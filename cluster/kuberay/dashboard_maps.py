"""What ``dashboards/built`` has, for Kubernetes: dashboards as ConfigMaps, which the sidecar of Grafana's
chart finds by their label, and rules as the PrometheusRule that the Prometheus operator reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.kuberay.environment import config_map

_LABELS = {"grafana_dashboard": "1"}


def dashboard_maps(folder: Path) -> dict[str, dict[str, Any]]:
    """A ConfigMap for each ``*.json`` of the folder, by the name of its file."""
    return {
        f"configmap.dashboard-{file.stem}.yaml": config_map(
            f"adcraft-dashboard-{file.stem.replace('_', '-').lower()}",
            {file.name: file.read_text(encoding="utf-8")},
            _LABELS,
        )
        for file in sorted(folder.glob("*.json"))
    }


def prometheus_rule(rules: Path) -> dict[str, dict[str, Any]]:
    """The rules of the file, by the name of the manifest; nothing if there is no such file."""
    import yaml

    if not rules.is_file():
        return {}
    return {
        "prometheusrule.adcraft.yaml": {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "adcraft"},
            "spec": yaml.safe_load(rules.read_text(encoding="utf-8")),
        }
    }
