"""The check over whole corpora: how much of what must be refused it catches, and how much else it refuses."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from adcraft.ad_copy.guardrails.check import Wishes, check
from adcraft.ad_copy.guardrails.facts import Facts
from adcraft.ad_copy.guardrails.finding import Verdict
from adcraft.ad_copy.guardrails.rules import shipped_rules
from adcraft.ad_copy.placements import shipped_placements

HERE = Path(__file__).parent
ADS = HERE.parents[4] / "shared" / "data" / "ad_copy" / "product_ads.csv"
RULES = shipped_rules()
PLACEMENTS = shipped_placements()
LEAST_OF_A_RULE = {"empty": 10}
# What a few of these ads claim, or do, that their records and the rules do not allow.
RIGHTLY_REFUSED = {
    "unbeatable", "unparalleled", "unmatched", "the best", "all sizes", "free shipping", "$50", "50", "now",
    "bit.ly/denim-jacket",
}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A text of a corpus, the rule that it stands under ("": none), and what the check says of it."""

    rule: str
    text: str
    verdict: Verdict


def checked(file: str, part: str) -> list[Checked]:
    """The texts of ``part`` of a corpus: ``violations`` (by rule) or ``ads``."""
    tree = yaml.safe_load((HERE / file).read_text("utf-8"))
    facts = {name: Facts.of(record, RULES) for name, record in tree["records"].items()}
    groups = tree[part].items() if part == "violations" else [("", tree[part])]
    return [found for rule, those in groups for group in those for found in _of_group(rule, group, facts)]


def _of_group(rule: str, group: dict[str, Any], facts: dict[str, Facts]) -> Iterator[Checked]:
    placement = PLACEMENTS.named(group.get("placement", "creative"))
    asset = group.get("asset", "creative")
    wishes = Wishes(
        language=group.get("language", ""),
        banned=tuple(group.get("banned", ())),
        required=tuple(group.get("required", ())),
    )
    for text in group["texts"]:
        verdict = check(text, facts[group["record"]], RULES, placement, asset, wishes)
        yield Checked(rule, text, verdict)


def share_caught(name: str, violations: list[Checked]) -> float:
    """Of the violations, those whose own rule is among the broken ones; it prints the figures."""
    of_rule = Counter(case.rule for case in violations)
    caught = Counter(case.rule for case in violations if case.rule in case.verdict.rules)
    print(f"\n{name}: {sum(caught.values())} of {len(violations)} caught by their rule")
    print(", ".join(f"{rule} {caught[rule]}/{count}" for rule, count in of_rule.items()))
    for case in violations:
        if case.rule not in case.verdict.rules:
            print(f"  missed: {case.rule}: {case.text!r}, found: {sorted(case.verdict.rules)}")
    return sum(caught.values()) / len(violations)


def refused(name: str, ads: list[Checked]) -> list[Checked]:
    """Those of clean ads that do not pass; it prints them."""
    wrongly = [case for case in ads if not case.verdict.passed]
    print(f"\n{name}: {len(wrongly)} of {len(ads)} refused")
    for case in wrongly:
        print(f"  {case.text!r}: {[(finding.rule, finding.found) for finding in case.verdict.findings]}")
    return wrongly


def ads_of_others() -> list[Checked]:
    """Ads that people wrote; of what they rightly are refused for nothing is left in the verdict."""
    with ADS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cases = []
    for row in rows:
        record = {
            "product_name": row["product"],
            "description": row["description"],
            "category": row["category"],
        }
        facts, placement = Facts.of(record, RULES), PLACEMENTS.named("creative")
        text = row["ad"].strip()
        verdict = check(text, facts, RULES, placement, "creative", Wishes(language="en"))
        wrong = [finding for finding in verdict.findings if finding.found.lower() not in RIGHTLY_REFUSED]
        cases.append(Checked("", text, Verdict(tuple(wrong))))
    return cases


def test_violations_are_caught_by_their_own_rule() -> None:
    violations = checked("violations.yaml", "violations")
    of_rule = Counter(case.rule for case in violations)
    assert len(violations) >= 500
    assert all(count >= LEAST_OF_A_RULE.get(rule, 25) for rule, count in of_rule.items()), of_rule
    assert share_caught("violations", violations) >= 0.98


def test_every_finding_points_into_its_text() -> None:
    for case in checked("violations.yaml", "violations"):
        for finding in case.verdict.findings:
            assert 0 <= finding.start <= finding.end <= len(case.text)
            assert case.text[finding.start : finding.end] == finding.found
            assert finding.why


def test_clean_ads_pass() -> None:
    ads = checked("clean.yaml", "ads")
    assert len(ads) >= 100
    assert len(refused("clean ads", ads)) <= 0.02 * len(ads)


@pytest.mark.skipif(not ADS.exists(), reason=f"{ADS} is not on this machine")
def test_ads_that_people_wrote_pass() -> None:
    """With the clean ads of this folder they are more than 500."""
    ads = [*checked("clean.yaml", "ads"), *ads_of_others()]
    assert len(ads) >= 500
    assert len(refused("clean ads and those that people wrote", ads)) <= 0.02 * len(ads)


def test_what_no_rule_was_written_for() -> None:
    """The held-out corpus says what to expect of copy that nobody thought of."""
    assert share_caught("held out", checked("held_out.yaml", "violations")) >= 0.85
    ads = checked("held_out.yaml", "ads")
    assert len(refused("held-out ads", ads)) <= 0.1 * len(ads)
