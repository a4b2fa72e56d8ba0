"""Each alert by promtool: it fires, and it does not. What to do about it is written down."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.build import BUILT, RULES
from dashboards.rules import ALERTS

CASES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
DOCUMENT = Path(__file__).parents[3] / "docs" / "observability.md"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if not found:
        missing = "promtool is not installed; 'make prometheus' does it on Debian"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alerts_fire_when_they_should(promtool: str, case: Path) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", case], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_files(promtool: str) -> None:
    for check in (
        ["rules", str(RULES)],
        ["config", "--syntax-only", str(BUILT / "prometheus" / "prometheus.yaml")],
    ):
        done = subprocess.run(
            [promtool, "check", *check], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_nothing_does() -> None:
    fired, quiet = set(), set()
    for case in CASES:
        here: set[str] = set()
        for test in yaml.safe_load(case.read_text())["tests"]:
            samples = [sample for each in test["promql_expr_test"] for sample in each["exp_samples"]]
            names = {name for s in samples for name in re.findall(r'alertname="(\w+)"', s["labels"])}
            here |= names
            quiet |= {case} if not samples else set()
        fired |= here
    assert fired == {alert.name for alert in ALERTS}
    assert quiet == set(CASES)


def test_every_alert_says_what_to_do_first() -> None:
    headings = set(re.findall(r"^#+ (\w+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert {alert.name for alert in ALERTS} <= headings
