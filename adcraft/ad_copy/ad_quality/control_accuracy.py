"""Whether a model does what a control says: how many texts obey, where it is asked for and where not."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adcraft.ad_copy.ad_quality.assets import Asset
from adcraft.ad_copy.ad_quality.questions import Question
from adcraft.ad_copy.ad_quality.tone_reader import ToneReader, toned
from adcraft.ad_copy.copywriting.ad import AssetCopy
from adcraft.ad_copy.fields import Kind
from adcraft.decision.evaluation_section import Column, Row, Table
from adcraft.workload import Record


@dataclass(frozen=True)
class Answer:
    """What came of a question for one asset.

    Attributes:
        asset: that it is.
        kind: of its texts.
        question: that was asked.
        asked: what was written.
        unasked: what was written for the same product when nothing was asked for.
    """

    asset: Asset
    kind: Kind
    question: Question
    asked: AssetCopy
    unasked: AssetCopy


def controls_table(answers: Iterable[Answer], right: Mapping[tuple[Kind, str], float]) -> Table:
    """The share of the model's texts that obey each control.

    Args:
        answers: to all questions.
        right: see ``right_about``.
    """
    grouped: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        grouped.setdefault((*answer.asset, answer.question.name), []).append(answer)
    assets = list(dict.fromkeys(name[:-1] for name in grouped))
    in_order = sorted(grouped.items(), key=lambda item: assets.index(item[0][:-1]))
    rows = (_row(name, of_control, right) for name, of_control in in_order)
    return Table(
        key="ads_controls",
        title="Controls",
        note=(
            "One text for each product, templates left out. Length, call to action and audience are read as "
            "they were in training. Tones are told by the words of the training texts of each (naive Bayes); "
            "beside it how often that is right about the tone's test references."
        ),
        columns=(
            Column(key="asked_texts", label="texts, asked"),
            Column(key="asked", label="so when asked, share", digits=3),
            Column(key="unasked_texts", label="texts, not asked"),
            Column(key="unasked", label="so when not asked, share", digits=3),
            Column(key="reader", label="reader right, share", digits=3),
        ),
        rows=tuple(row for row in rows if row),
    )


def right_about(references: Iterable[Record], reader: ToneReader) -> dict[tuple[Kind, str], float]:
    """The share of the references of each kind and tone that the reader is right about."""
    found: dict[tuple[Kind, str], list[bool]] = {}
    for kind, text, tone in toned(references):
        if reader.knows(kind, tone):
            found.setdefault((kind, tone), []).append(reader.read(kind, [text]) == [tone])
    return {each: statistics.fmean(right) for each, right in found.items()}


def _row(
    name: tuple[str, ...], answers: Sequence[Answer], right: Mapping[tuple[Kind, str], float]
) -> Row | None:
    """None where the model wrote none, or nobody can tell."""
    asked, unasked = (
        [
            answer.question.holds(answer.kind, text.text)
            for answer in answers
            for text in getattr(answer, side).texts
            if not text.safe
        ]
        for side in ("asked", "unasked")
    )
    if not asked or None in (*asked, *unasked):
        return None
    shares = [statistics.fmean(map(bool, side)) if side else None for side in (asked, unasked)]
    kind = answers[0].kind
    cells = (float(len(asked)), shares[0], float(len(unasked)), shares[1], right.get((kind, name[-1])))
    return Row(name=name, cells=cells)
