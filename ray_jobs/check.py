"""Check copy, by whomever it was written, against its product's record and a placement's rules.

data.source is a feed with the copy in it: in the column 'ad' or, where that is not there, the
description, or in the one that data.target names. Numbers, prices, discounts, units, sizes, brands,
superlatives and kinds of product must stand in the rest of the row; then come the platform's limit and
editorial rules, repetition, personal data, language and terms. Each refused text is shown with the rule
and the place; --output keeps the verdict of every row. A refusal is a result: the exit code is 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.errors import SettingsError
from adcraft.settings import Settings

if TYPE_CHECKING:
    from adcraft.ad_copy.checking import CheckedRow
    from adcraft.ad_copy.placements import Placement


_KINDS = ("passed", "refused", "unreadable")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the stage takes."""
    parser.add_argument("--placement", default="creative", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--asset", default="", metavar="NAME", help="of the placement; default: its first")
    parser.add_argument("--placements", type=Path, metavar="FILE", help="of your own, beside those shipped")
    parser.add_argument("--language", default="", metavar="TAG", help="such as en or de-AT; default: any")
    parser.add_argument("--banned", action="append", default=[], metavar="TERM", help="that no text may have")
    parser.add_argument(
        "--required", action="append", default=[], metavar="TERM", help="that each text must have"
    )
    parser.add_argument(
        "--show", type=int, default=20, metavar="N", help="refused texts; default: %(default)s"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON Lines, a verdict for each row")


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Check every row, and say how many were refused by which rule.

    Raises:
        SettingsError: there is no such placement or asset.
        FeedError: the feed can't be read, or has no text.
        StorageError: the output can't be written.
    """
    from adcraft.ad_copy.checking import check_feed
    from adcraft.ad_copy.guardrails.check import Wishes, check
    from adcraft.ad_copy.guardrails.facts import Facts
    from adcraft.ad_copy.guardrails.rules import shipped_rules
    from adcraft.ad_copy.placements import load_placements
    from adcraft.data.plan import plan_preparation
    from adcraft.workloads import get_workload

    placement = load_placements(arguments.placements).named(arguments.placement)
    asset = _asset(placement, arguments.placement, arguments.asset)
    rules = shipped_rules()
    wishes = Wishes(arguments.language, tuple(arguments.banned), tuple(arguments.required))
    plan = plan_preparation(settings.data, get_workload(settings.workload))
    rows = check_feed(
        plan,
        lambda text, record: check(text, Facts.of(record, rules), rules, placement, asset, wishes),
    )
    counts, broken = Counter[str](), Counter[str]()
    for row in _kept(_shown(rows, arguments.show), arguments.output):
        counts[_kind(row)] += 1
        broken.update(row.verdict.rules if row.verdict else ())
    print(f"{arguments.placement}/{asset}: {counts['passed']} of {counts.total()} texts can be published")
    for rule, count in broken.most_common():
        print(f"  {rule:<12} {count}")
    return {
        "placement": arguments.placement,
        "asset": asset,
        "rows": {
            "in": counts.total(),
            **{kind: counts[kind] for kind in ("passed", "refused", "unreadable")},
        },
        "rules": dict(broken.most_common()),
        "output": str(arguments.output) if arguments.output else None,
    }


def _asset(placement: Placement, name: str, wanted: str) -> str:
    if wanted and wanted not in placement.assets:
        raise SettingsError(f"{name} has no asset {wanted!r}; it has {', '.join(placement.assets)}.")
    return wanted or next(iter(placement.assets))


def _kind(row: CheckedRow) -> str:
    if row.verdict is None:
        return "unreadable"
    return "passed" if row.verdict.passed else "refused"


def _shown(rows: Iterable[CheckedRow], limit: int) -> Iterator[CheckedRow]:
    """The same rows; the first that are refused are printed."""
    for row in rows:
        if limit > 0 and _kind(row) != "passed":
            limit -= 1
            print(f"{row.file}:{row.number}  {row.fault or row.text[:200]}", file=sys.stderr)
            for found in row.verdict.findings if row.verdict else ():
                place = f"{found.start}-{found.end} {found.found!r}"
                print(f"  {found.rule} {place}: {found.why}", file=sys.stderr)
        yield row


def _kept(rows: Iterable[CheckedRow], output: Path | None) -> Iterator[CheckedRow]:
    """The same rows; all are written to ``output``."""
    from adcraft.data.aside import written_aside

    if output is None:
        yield from rows
        return
    with written_aside(output, "verdicts") as partial, partial.open("x", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
            yield row
