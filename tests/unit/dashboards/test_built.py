"""What is checked in is what the code makes, and Grafana and Prometheus can read it."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from adcraft import metric_names
from adcraft.metric_names import REPLICAS
from dashboards import rays_own
from dashboards.boards import ALL
from dashboards.build import BUILT, differing, files, write
from dashboards.grafana_json import grafana_json
from dashboards.model import COLUMNS, Dashboard
from dashboards.rules import GROUPS, Recording

BOARDS = pytest.mark.parametrize("board", ALL, ids=lambda board: board.name)


def test_what_is_checked_in_is_what_the_code_makes(tmp_path: Path) -> None:
    assert not differing()
    copied = tmp_path / "built"
    shutil.copytree(BUILT, copied)
    (copied / "model.json").unlink()
    (copied / "mine.json").write_text("{}")
    (copied / "prometheus" / "rules.yaml").write_text("groups: []\n")
    assert differing(copied) == ["mine.json", "model.json", "prometheus/rules.yaml"]
    assert write(copied) == ["mine.json", "model.json", "prometheus/rules.yaml"]
    assert not differing(copied)


def test_only_dashboards_are_json() -> None:
    """KubeRay's sidecar and Grafana's file provisioning take each file that is."""
    assert {path.stem for path in BUILT.rglob("*.json")} == {board.name for board in ALL}
    assert {path.parent for path in BUILT.rglob("*.json")} == {BUILT}


def test_every_metric_of_ours_is_on_some_panel() -> None:
    """But REPLICAS, which the control replica counts for /metrics alone; Ray has its own."""
    shown = {
        metric for board in ALL for panel in board.panels for t in panel.targets for metric in t.query.metrics
    }
    assert set(metric_names.ALL) - shown == {REPLICAS}
    rules = {metric for group in GROUPS for rule in group.rules for metric in rule.query.metrics}
    assert shown | rules <= {*metric_names.ALL, *rays_own.ALL}
    assert set(rays_own.ALL) <= shown


def test_dashboards_are_told_apart() -> None:
    assert len({board.uid for board in ALL}) == len({board.title for board in ALL}) == len(ALL) == 4
    assert all(len(board.uid) <= 40 and re.fullmatch(r"[a-z-]+", board.uid) for board in ALL)


@BOARDS
def test_panels_fill_the_grid_without_overlap(board: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in grafana_json(board)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            )
        )
        assert not cells & taken, panel["title"]
        taken |= cells
    height = max(y for _, y in taken) + 1
    assert len(taken) == COLUMNS * height, "a hole"


@BOARDS
def test_what_grafana_needs(board: Dashboard) -> None:
    tree = grafana_json(board)
    assert json.loads((BUILT / f"{board.name}.json").read_text()) == tree
    assert {"id", "version"} & tree.keys() == set()
    panels = tree["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    titles = [panel["title"] for panel in panels if panel["type"] != "row"]
    assert len(set(titles)) == len(titles)
    variables = {variable["name"]: variable for variable in tree["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(tree)))
    assert used == set(variables) == {"datasource", "ray_dashboard", "mlflow"}
    for panel in panels:
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith((".", "?"))
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references))
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        assert all(target["legendFormat"] for target in panel["targets"])
    assert [link["type"] for link in tree["links"]] == ["dashboards", "link", "link"]


@BOARDS
def test_a_legend_names_labels_that_the_query_keeps(board: Dashboard) -> None:
    for panel in board.panels:
        for target in panel.targets:
            wanted = set(re.findall(r"{{(\w+)}}", target.legend))
            kept = {
                name for by in re.findall(r"by \(([^)]*)\)", target.query.text) for name in by.split(", ")
            }
            assert wanted == kept - {"le"}, panel.title
        fixed = [target.legend for target in panel.targets]
        assert len(set(fixed)) == len(fixed), panel.title


def test_recordings_are_named_as_prometheus_wants_it_and_read_after_they_are_made() -> None:
    made: set[str] = set()
    for group in GROUPS:
        for rule in group.rules:
            text = re.sub(r'"[^"]*"', "", rule.query.text)
            assert set(re.findall(r"adcraft:[\w:]+", text)) <= made
            if isinstance(rule, Recording):
                assert re.fullmatch(r"adcraft:[a-z_]+:[a-z]\w+", rule.name)
                made.add(rule.name)
    text = json.dumps(yaml.safe_load(files()["prometheus/rules.yaml"]))
    assert all(name in text for name in made)


def test_files_for_grafana_point_where_its_environment_says() -> None:
    [provider] = yaml.safe_load(files()["grafana/dashboards.yaml"])["providers"]
    [source] = yaml.safe_load(files()["grafana/datasources.yaml"])["datasources"]
    assert provider["options"]["path"] == "$ADCRAFT_DASHBOARDS"
    assert source["url"] == "$PROMETHEUS_URL"
    compose = yaml.safe_load(Path(BUILT.parents[1] / "cluster" / "compose.yaml").read_text())
    grafana = compose["services"]["grafana"]
    assert {"ADCRAFT_DASHBOARDS", "PROMETHEUS_URL"} <= grafana["environment"].keys()
    mounted = [volume.split(":")[0] for volume in grafana["volumes"] if volume.startswith(".")]
    assert all((BUILT.parents[1] / "cluster" / path).exists() for path in mounted)
