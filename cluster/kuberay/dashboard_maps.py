"""Grafana's dashboards as ConfigMaps, which the sidecar of Grafana's chart finds by their label."""

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
