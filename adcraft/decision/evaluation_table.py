"""An evaluation as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from adcraft.decision.evaluation_record import AGAINST, EvaluationRecord
from adcraft.decision.evaluation_section import Section, Table

_SHOWN = {"loss": "loss", "rouge_l": "ROUGE-L", "chrf": "chrF", "slot_accuracy": "slots"}


def table(record: EvaluationRecord) -> str:
    """The main scores of each side; below them how the copies spell names, the gains with their intervals,
    and the tables of all sections.
    """
    shown = {name: head for name, head in _SHOWN.items() if name in record.metrics}
    lines = [f"{'':24}" + "".join(f"{head:>9}" for head in shown.values())]
    for side, scores in record.scores.items():
        cells = [
            f"{scores[name].value:9.{record.metrics[name].digits}f}" if name in scores else f"{'-':>9}"
            for name in shown
        ]
        lines.append(f"{record.labels[side]:24}{''.join(cells)}")
    sections = (line for section in record.sections for line in _section(section))
    return "\n".join([*lines, *record.naming_lines, *_gains(record), *sections])


def _gains(record: EvaluationRecord) -> list[str]:
    if not record.against:
        return []
    lines = ["", f"{'gain over ' + record.labels[AGAINST]:58}{record.confidence:.0%} interval"]
    for name, note in record.metrics.items():
        if name in record.not_compared:
            lines.append(f"{note.label:47}not compared: {record.not_compared[name]}")
            continue
        gain = record.gains[name]
        label = note.label if note.better else f"{note.label} (difference)"
        low, high = (f"{end:+.{note.digits}f}" for end in (gain.low, gain.high))
        lines.append(f"{label:47}{gain.value:+9.{note.digits}f}  {low} to {high}")
    return lines


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"{section.title}. {section.about}")
    for table in section.tables:
        yield from ("", table.title)
        yield from _aligned(table)


def _aligned(table: Table) -> Iterator[str]:
    """Each column as wide as what stands in it, figures to the right and words to the left."""
    lines = [("", *(column.label for column in table.columns)), *table.lines()]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    words = {index for row in table.rows for index, cell in enumerate(row.cells, 1) if isinstance(cell, str)}
    for line in lines:
        padded = (
            f"{cell:<{width}}" if index in {0, *words} else f"{cell:>{width}}"
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
