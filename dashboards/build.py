"""Writes what Grafana and Prometheus read: ``dashboards/built``.

    python -m dashboards.build [--check]

Dashboards as JSON, Grafana's file provisioning, Prometheus's scrape configuration and rules. They are
checked in, so that they can be used without Python; ``--check`` changes nothing and fails where they are not
as they would be written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adcraft import console
from adcraft.errors import SettingsError
from dashboards.boards import ALL
from dashboards.grafana_json import grafana_json
from dashboards.rules import rules_tree

BUILT = Path(__file__).parent / "built"
RULES = BUILT / "prometheus" / "rules.yaml"
DISCOVERY = "prom_metrics_service_discovery.json"
"""Ray writes this file below its temporary folder, with the addresses of all nodes' agents."""

SCRAPE_S = 10
"""As often as Ray's workers hand new values to their node's agent; on a node without a core to spare, an
agent may need more than half of it to answer."""

_HEADER = "# Made by 'make dashboards' from dashboards/; change it there.\n"
_FOLDER = "Adcraft"
_LINE = 110


def files() -> dict[str, str]:
    """Every file below ``built``, and its text."""
    boards = {f"{board.name}.json": to_json(grafana_json(board)) + "\n" for board in ALL}
    trees = {
        "prometheus/prometheus.yaml": scrape_tree([f"/tmp/ray/{DISCOVERY}"], [RULES.name]),  # noqa: S108
        "prometheus/rules.yaml": rules_tree(),
        "grafana/dashboards.yaml": _dashboard_provider(),
        "grafana/datasources.yaml": _data_sources(),
    }
    return {**boards, **{name: _HEADER + to_yaml(tree) for name, tree in trees.items()}}


def scrape_tree(discovery: Sequence[str], rules: Sequence[str]) -> dict[str, Any]:
    """Prometheus's configuration.

    Args:
        discovery: files of Ray's service discovery.
        rules: files of rules.
    """
    return {
        "global": {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"},
        "rule_files": list(rules),
        "scrape_configs": [
            {
                "job_name": "ray",
                "file_sd_configs": [{"files": list(discovery), "refresh_interval": f"{SCRAPE_S}s"}],
            }
        ],
    }


def _dashboard_provider() -> dict[str, Any]:
    options = {"path": "$ADCRAFT_DASHBOARDS"}  # of Grafana's environment
    provider = {"name": "adcraft", "folder": _FOLDER, "type": "file", "options": options}
    return {"apiVersion": 1, "providers": [provider]}


def _data_sources() -> dict[str, Any]:
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": "$PROMETHEUS_URL",  # of Grafana's environment
        "isDefault": True,
        "jsonData": {"timeInterval": f"{SCRAPE_S}s"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def to_json(tree: Any, indent: int = 0) -> str:
    """As people would write it: what fits into a line is in one."""
    text = json.dumps(tree, ensure_ascii=False)
    if indent + len(text) <= _LINE or not isinstance(tree, dict | list):
        return text
    inner = " " * (indent + 2)
    if isinstance(tree, dict):
        parts = [f"{json.dumps(key)}: {to_json(value, indent + 2)}" for key, value in tree.items()]
    else:
        parts = [to_json(value, indent + 2) for value in tree]
    opening, closing = "{}" if isinstance(tree, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{closing}"


def to_yaml(tree: Mapping[str, Any]) -> str:
    """As people would write it: keys in their order, lists indented, texts of several lines as they are."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, indentless=False)

    def text_node(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text_node)
    text: str = yaml.dump(tree, Dumper=Dumper, sort_keys=False, width=110, allow_unicode=True)
    return text


def differing(folder: Path = BUILT) -> list[str]:
    """Files of the folder that are missing, superfluous, or not as they would be written."""
    wanted = files()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    old = {name for name in there & wanted.keys() if (folder / name).read_text("utf-8") != wanted[name]}
    return sorted((there ^ wanted.keys()) | old)


def write(folder: Path = BUILT) -> list[str]:
    """Make the folder so, and tell which files changed."""
    wanted, changed = files(), differing(folder)
    for name in changed:
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _run(check: bool) -> dict[str, Any]:
    if not check:
        return {"files": len(files()), "changed": write()}
    if old := differing():
        raise SettingsError(f"Not as 'make dashboards' makes it: {', '.join(old)}. Run it, and commit.")
    return {"files": len(files()), "changed": []}


def main() -> int:
    """Write the files, or see that they are as they would be written."""
    parser = console.Parser(prog="python -m dashboards.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a file would change")
    parsed = parser.parse_args()
    return console.run("dashboards.build", "dashboards", False, lambda: _run(parsed.check))


if __name__ == "__main__":
    sys.exit(main())
