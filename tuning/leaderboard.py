"""Trials as lines of text: the table that a running sweep prints, and the leaderboard at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tuning.space import Scalar
from tuning.study import RUNNING, Study, Trial

_STATES = {"FINISHED": "finished", "KILLED": "stopped", "FAILED": "failed", "RUNNING": "running"}
_PAUSED = "paused"
_REASON_CHARS = 90


def leaderboard(study: Study) -> str:
    """Every trial, best first; those without a score last."""
    ranked = study.ranked()
    rest = [trial for trial in study.trials.values() if trial not in ranked]
    keys = [key for key in study.sweep.space if any(key in trial.values for trial in study.trials.values())]
    metric = study.sweep.objective.metric
    origin = ["from"] if any(trial.parent for trial in study.trials.values()) else []
    head = ["", "trial", metric, "at epoch", "epochs", "ended", *origin, *map(_short, keys)]
    rows = [
        [
            str(place) if place else "",
            *_cells(study, trial),
            *(_origin(trial) for _ in origin),
            *(_text(trial.values.get(key)) for key in keys),
        ]
        for place, trial in [*enumerate(ranked, 1), *((0, trial) for trial in rest)]
    ]
    return "\n".join(_aligned([head, *rows]))


def lineage(study: Study) -> str:
    """What the best trial goes back to, and with which values it was trained when; "" if to none."""
    best = next(iter(study.ranked()), None)
    if best is None or best.parent is None:
        return ""
    parts = study.lineage(best)
    ends = [child.began for child in parts[1:]] + [best.epochs]
    lines = [
        f"  epochs {trial.began + 1}-{end}: trial {trial.number}, {_values(trial)}"
        for trial, end in zip(parts, ends, strict=True)
    ]
    return "\n".join(["How the best one was trained:", *lines])


def reasons(study: Study) -> str:
    """Why each trial that was stopped early or failed was."""
    return "\n".join(
        f"trial {trial.number:3d} {_STATES[trial.status]}: {_cut(trial.reason)}"
        for trial in study.trials.values()
        if trial.reason
    )


def progress(study: Study, changed: Sequence[int]) -> list[str]:
    """Where the sweep is, in a line, and a line for each trial that is being trained or among ``changed``."""
    trials = study.trials.values()
    objective = study.sweep.objective
    ranked = study.ranked()
    over = sum(trial.status != RUNNING for trial in trials)
    states = Counter(map(_state, trials))
    begun = ", ".join(f"{states[state]} {state}" for state in (*_STATES.values(), _PAUSED) if states[state])
    line = (
        f"{over} of at most {study.sweep.budget.trials} trials over ({begun or 'none begun'}), "
        f"{study.epochs} epochs, {study.elapsed_s:.0f} s"
    )
    if ranked:
        best = ranked[0].best(objective.metric, objective.sign) or {}
        line += f"; best {objective.metric} {best[objective.metric]:.4g} (trial {ranked[0].number})"
    shown = [t for t in trials if _state(t) == _STATES[RUNNING] or t.number in changed]
    rows = [["", *_cells(study, trial), _told(trial)] for trial in shown]
    return [line, *_aligned(rows)]


def _cells(study: Study, trial: Trial) -> list[str]:
    objective = study.sweep.objective
    best = trial.best(objective.metric, objective.sign)
    return [
        str(trial.number),
        f"{best[objective.metric]:.4f}" if best else "-",
        f"{best['epoch']:.0f}" if best else "-",
        str(trial.epochs),
        _state(trial),
    ]


def _state(trial: Trial) -> str:
    return _PAUSED if trial.paused and trial.status == RUNNING else _STATES[trial.status]


def _told(trial: Trial) -> str:
    notes = [f"from trial {_origin(trial)}"] if trial.parent else []
    if trial.reason:
        notes.append(_cut(trial.reason))
    return "  ".join([_values(trial), *(f"[{note}]" for note in notes)])


def _values(trial: Trial) -> str:
    return "  ".join(f"{_short(key)}={_text(value)}" for key, value in trial.values.items())


def _origin(trial: Trial) -> str:
    return f"{trial.parent.number}@{trial.parent.epoch}" if trial.parent else "."


def _short(key: str) -> str:
    return key.rpartition(".")[2]


def _text(value: Scalar | None) -> str:
    if value is None:
        return "."
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _REASON_CHARS else f"{text[:_REASON_CHARS]}…"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of one width; the last one is text and stays as it is."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [*(cell.rjust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)), row[-1]]
        ).rstrip()
        for row in rows
    ]
