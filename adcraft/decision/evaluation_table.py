"""An evaluation as lines of text."""

from __future__ import annotations

from adcraft.decision.evaluation_record import AGAINST, EvaluationRecord

_SHOWN = {"loss": "loss", "rouge_l": "ROUGE-L", "chrf": "chrF", "slot_accuracy": "slots"}


def table(record: EvaluationRecord) -> str:
    """The main scores of each side; below them how the copies spell names, and the gains with their
    intervals.
    """
    shown = {name: head for name, head in _SHOWN.items() if name in record.metrics}
    lines = [f"{'':24}" + "".join(f"{head:>9}" for head in shown.values())]
    for side, scores in record.scores.items():
        cells = [
            f"{scores[name].value:9.{record.metrics[name].digits}f}" if name in scores else f"{'-':>9}"
            for name in shown
        ]
        lines.append(f"{record.labels[side]:24}{''.join(cells)}")
    return "\n".join([*lines, *record.naming_lines, *_gains(record)])


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
