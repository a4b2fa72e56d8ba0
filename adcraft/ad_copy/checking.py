"""The texts of a feed, each checked against the record that it stands in. One pass, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adcraft.ad_copy.guardrails.finding import Verdict
from adcraft.data.plan import Plan
from adcraft.data.rows import RawRows
from adcraft.workload import Record

Check = Callable[[str, Record], Verdict]
"""(text, cleaned record) to the verdict."""


@dataclass(frozen=True)
class CheckedRow:
    """One row of a feed.

    Attributes:
        file: of the feed.
        number: of the row in it, from 1; a header is not counted.
        product: its name; "" of a row that can't be read.
        text: as it stands in the feed.
        verdict: of the text; None of a row that can't be read.
        fault: why it can't.
    """

    file: str
    number: int
    product: str
    text: str
    verdict: Verdict | None
    fault: str = ""

    def as_json(self) -> dict[str, Any]:
        """For a file of verdicts, a row a line."""
        findings = self.verdict.findings if self.verdict else ()
        return {
            "row": f"{self.file}:{self.number}",
            "product_name": self.product,
            "text": self.text,
            "passed": bool(self.verdict and self.verdict.passed),
            "findings": [vars(finding) for finding in findings],
            "fault": self.fault,
        }


def check_feed(plan: Plan, check: Check) -> Iterator[CheckedRow]:
    """Check the text of each row, in the order of the feed. The text is the plan's target, uncut and not
    cleaned: what is hidden in it, or set apart, is looked for.

    Raises:
        FeedError: a file can't be read.
    """
    for file in plan.feed.files:
        first = 1
        for index, chunk in enumerate(file.chunks()):
            raw = file.parser.parse(chunk, is_first=index == 0)
            yield from sorted(_rows(file.name, first, raw, plan, check), key=lambda row: row.number)
            first += raw.count


def _rows(file: str, first: int, raw: RawRows, plan: Plan, check: Check) -> Iterator[CheckedRow]:
    refined = plan.rules.refine(raw)
    columns = plan.rules.columns.recognise(tuple(raw.columns))
    index_of = {position: index for index, position in enumerate(raw.positions)}
    for position, record in zip(refined.positions.tolist(), refined.table.to_pylist(), strict=True):
        text = _text(raw.columns, columns[record["target_field"]], index_of[position])
        yield CheckedRow(file, first + position, record["product_name"], text, check(text, record))
    for fault in refined.faults:
        why = f"{fault.reason}: {fault.detail}"
        yield CheckedRow(file, first + fault.position, "", fault.source, None, why)


def _text(columns: Mapping[str, Any], names: Sequence[str], index: int) -> str:
    cells = (columns[name][index].as_py() for name in names)
    return next((cell for cell in cells if cell and cell.strip()), "")
