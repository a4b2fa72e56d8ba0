"""An evaluation as one page of HTML that needs nothing else: no script, no font, no address."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from adcraft.decision.evaluation_record import AGAINST, MODEL, Estimate, EvaluationRecord, MetricNote, Sample
from adcraft.decision.evaluation_section import Section

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2430; margin: 2rem auto; max-width: 75rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 0; } h3 + p { margin: 0 0 .4rem; max-width: 50rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem; border-bottom: 1px solid #dde2e8; }
th { background: #f3f5f8; } td.figure { white-space: nowrap; font-variant-numeric: tabular-nums; }
small { color: #667080; } .better { color: #17703c; } .worse { color: #a3242b; }
svg { display: block; } td.copy { overflow-wrap: anywhere; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_WIDTH, _HEIGHT = 180, 18


def page(record: EvaluationRecord) -> str:
    """The page: what was evaluated, every figure with its interval, and samples side by side."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{escape(record.title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(record.title)}</h1>",
            *_about(record),
            "<h2>Figures</h2>",
            *_figures(record),
            *(line for section in record.sections for line in _section(section)),
            f"<h2>The first {len(record.samples)} rows</h2>" if record.samples else "",
            *_samples(record),
            "</body></html>",
            "",
        ]
    )


def _about(record: EvaluationRecord) -> Iterable[str]:
    left_out = (
        f"; {record.left_out} rows are left out, since a model has learnt from their products"
        if record.left_out
        else ""
    )
    yield (
        f"<p>Dataset {escape(record.dataset)}, {record.rows} rows of {record.products} products{left_out}. "
        f"Evaluated {escape(record.evaluated_at)}.<br>"
    )
    for side, contender in ((MODEL, record.model), (AGAINST, record.against)):
        if contender:
            yield (
                f"{escape(record.labels[side])}: run {escape(contender.run_name)}, trained on dataset "
                f"{escape(contender.dataset_version)}.<br>"
            )
    yield (
        f"Intervals hold {record.confidence:.0%} of {record.settings['resamples']} resamples of the products "
        "(paired bootstrap, Koehn 2004)."
    )
    for line in record.naming_lines:
        yield f"<br>{escape(line[0].upper() + line[1:])}."
    yield "</p>"


def _figures(record: EvaluationRecord) -> Iterable[str]:
    heads = [record.labels[side] for side in record.scores]
    if record.against:
        heads += [f"gain over {record.labels[AGAINST]}", ""]
    yield "<table><thead><tr><th></th>"
    yield "".join(f"<th>{escape(head)}</th>" for head in heads)
    yield "</tr></thead><tbody>"
    for name, note in record.metrics.items():
        aim = f"<br><small>{note.better} is better</small>" if note.better else ""
        yield f"<tr><td>{escape(note.label)}{aim}</td>"
        for scores in record.scores.values():
            yield f'<td class="figure">{_estimate(scores.get(name), note)}</td>'
        if record.against:
            yield _gain(record, name, note)
        yield "</tr>"
    yield "</tbody></table>"


def _estimate(found: Estimate | None, note: MetricNote) -> str:
    if found is None:
        return "<small>none</small>"
    low, high = (f"{end:.{note.digits}f}" for end in (found.low, found.high))
    return f"{found.value:.{note.digits}f}<br><small>{low} to {high}</small>"


def _gain(record: EvaluationRecord, name: str, note: MetricNote) -> str:
    if name not in record.gains:
        why = record.not_compared.get(name, "not compared")
        return f'<td colspan="2"><small>{escape(why)}</small></td>'
    gain = record.gains[name]
    kind = ""
    if note.better:
        kind = "better" if gain.low > 0 else "worse" if gain.high < 0 else ""
    low, high = (f"{end:+.{note.digits}f}" for end in (gain.low, gain.high))
    return (
        f'<td class="figure"><span class="{kind}">{gain.value:+.{note.digits}f}</span><br>'
        f"<small>{low} to {high}</small></td><td>{_bar(gain, kind)}</td>"
    )


def _bar(gain: Estimate, kind: str) -> str:
    """The interval on a line with zero in its middle."""
    reach = max(abs(gain.low), abs(gain.high)) or 1.0
    middle, scale = _WIDTH / 2, 0.95 * _WIDTH / 2 / reach
    low, value, high = (middle + scale * end for end in (gain.low, gain.value, gain.high))
    half = _HEIGHT / 2
    return (
        f'<svg class="{kind}" width="{_WIDTH}" height="{_HEIGHT}" stroke="currentColor" role="img" '
        f'aria-label="{kind or "no difference beyond noise"}">'
        f'<line x1="{middle}" x2="{middle}" y1="0" y2="{_HEIGHT}" stroke="#b8c0ca"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{half}" y2="{half}" stroke-width="3"/>'
        f'<circle cx="{value:.1f}" cy="{half}" r="4" fill="currentColor"/></svg>'
    )


def _section(section: Section) -> Iterable[str]:
    yield f"<h2>{escape(section.title)}</h2><p>{escape(section.about)}</p>"
    for table in section.tables:
        yield f"<h3>{escape(table.title)}</h3><p><small>{escape(table.note)}</small></p>"
        heads = ["", *(column.label for column in table.columns)]
        yield f"<table><thead><tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr></thead><tbody>"
        for row, line in zip(table.rows, table.lines(), strict=True):
            kinds = ["", *("" if isinstance(cell, str) else ' class="figure"' for cell in row.cells)]
            cells = zip(kinds, line, strict=True)
            yield f"<tr>{''.join(f'<td{kind}>{escape(text)}</td>' for kind, text in cells)}</tr>"
        yield "</tbody></table>"


def _samples(record: EvaluationRecord) -> Iterable[str]:
    if not record.samples:
        return
    heads = ["product", "reference", *(record.labels[side] for side in record.samples[0].copies)]
    yield f"<table><thead><tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr></thead><tbody>"
    for sample in record.samples:
        yield f"<tr>{''.join(_cells(sample))}</tr>"
    yield "</tbody></table>"


def _cells(sample: Sample) -> Iterable[str]:
    for text in (sample.product, sample.reference, *sample.copies.values()):
        yield f'<td class="copy">{escape(text)}</td>'
