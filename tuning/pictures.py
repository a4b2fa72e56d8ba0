"""The pictures of a sweep, as PNG: what each trial's values led to, and how the trials learnt."""

from __future__ import annotations

import io
import math
from typing import Any

from tuning.importance import coordinate
from tuning.space import Parameter
from tuning.study import FAILED, FINISHED, Study, Trial

_STYLES = {"FINISHED": "-", "KILLED": "--", "RUNNING": ":", "FAILED": ":"}
_NAMED = 3


def parallel_coordinates(study: Study) -> bytes:
    """An axis for each searched setting and one for the score; each trial is a line, the best in front."""
    ranked = study.ranked()
    objective = study.sweep.objective
    space = study.sweep.space
    figure, axes = _figure(max(7.0, 1.7 * (len(space) + 1)))
    scores = [_score(study, trial) for trial in ranked]
    colours = _colours(len(ranked))
    low, high = (min(scores), max(scores)) if scores else (0.0, 1.0)
    for place, (trial, score) in reversed(list(enumerate(zip(ranked, scores, strict=True)))):
        points = [  # a line passes by the axis of a setting that its trial does not have
            (index, coordinate(parameter, trial.values[key]))
            for index, (key, parameter) in enumerate(space.items())
            if key in trial.values
        ]
        points.append((len(space), (score - low) / (high - low) if high > low else 0.5))
        axes.plot(
            *zip(*points, strict=True),
            _STYLES[trial.status],
            color=colours[place],
            linewidth=2.5 if place == 0 else 1.3,
            marker="o",
            markersize=4,
            label=f"trial {trial.number}: {score:.3f}" if place < _NAMED else None,
        )
    for index, parameter in enumerate(space.values()):
        _draw_axis(axes, index, _ticks(parameter))
    _draw_axis(axes, len(space), [(0.0, f"{low:.3f}"), (1.0, f"{high:.3f}")] if scores else [])
    names = [*(key.removeprefix("train.").removeprefix("model.") for key in space), objective.metric]
    axes.set_xticks(range(len(names)), [name.replace(".", ".\n") for name in names])
    axes.set_yticks([])
    axes.set_xlim(-0.4, len(space) + 0.6)
    axes.set_ylim(-0.08, 1.08)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"{study.sweep.name}: what each trial tried, and its best {objective.metric}")
    if scores:
        figure.legend(*_named(axes), loc="outside lower center", ncols=_NAMED, fontsize=8)
    return _png(figure)


def learning_curves(study: Study) -> bytes:
    """The metric over the epochs of every trial; dashed where it was stopped early, a cross where it
    failed. One that began from another's checkpoint begins at that one's curve.
    """
    objective = study.sweep.objective
    figure, axes = _figure(8.5)
    ranked = study.ranked()
    failed = [trial for trial in study.trials.values() if trial.status == FAILED]
    colours = _colours(len(ranked))
    for place, trial in reversed(list(enumerate(ranked))):
        label = f"trial {trial.number}: {_score(study, trial):.3f}" if place < _NAMED else None
        axes.plot(
            *_curve(study, trial),
            _STYLES[trial.status],
            color=colours[place],
            linewidth=2.5 if place == 0 else 1.3,
            marker="o",
            markersize=4 if trial.status == FINISHED else 3,
            label=label,
        )
    for trial in failed:
        epochs, values = _curve(study, trial)
        known = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if math.isfinite(value)]
        if known:
            axes.plot(*zip(*known, strict=True), ":x", color="0.4", linewidth=1)
    axes.set_xlabel("epoch")
    axes.set_ylabel(objective.metric.replace("_", " "))
    axes.set_title(f"{study.sweep.name}: every trial (dashed: stopped early)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if ranked:
        axes.legend(*_named(axes), loc="best", fontsize=8, framealpha=0.9)
    return _png(figure)


def _score(study: Study, trial: Trial) -> float:
    objective = study.sweep.objective
    best = trial.best(objective.metric, objective.sign)
    return best[objective.metric] if best else math.nan


def _curve(study: Study, trial: Trial) -> tuple[list[float], list[float]]:
    parent = study.trials[trial.parent.number].history if trial.parent else []
    rows = [*(row for row in parent if row["epoch"] == trial.began), *trial.history]
    return [row["epoch"] for row in rows], [row[study.sweep.objective.metric] for row in rows]


def _ticks(parameter: Parameter) -> list[tuple[float, str]]:
    """Height and text of what stands at an axis."""
    if parameter.choice:
        values = [coordinate(parameter, value) for value in parameter.choice]
        return list(zip(values, map(str, parameter.choice), strict=True))
    low, high = parameter.integers or parameter.log_uniform or parameter.uniform or (0, 1)
    return [(0.0, f"{low:g}"), (1.0, f"{high:g}")]


def _draw_axis(axes: Any, index: int, ticks: list[tuple[float, str]]) -> None:
    axes.axvline(index, color="0.75", linewidth=1, zorder=0)
    for height, text in ticks:
        axes.annotate(
            text, (index, height), xytext=(6, 0), textcoords="offset points", fontsize=8, color="0.3",
            va="center", bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
        )  # fmt: skip


def _colours(count: int) -> list[Any]:
    """From dark for the best to pale for the last."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.9 * place / max(1, count - 1)) for place in range(count)]


def _named(axes: Any) -> tuple[list[Any], list[str]]:
    """What a legend names, the best first."""
    handles, labels = axes.get_legend_handles_labels()
    return handles[::-1], labels[::-1]


def _figure(width: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
