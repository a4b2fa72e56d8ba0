"""The learning curve as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence


def learning_curve(
    history: Sequence[Mapping[str, float]], steps: Sequence[tuple[float, float]], title: str
) -> bytes:
    """A PNG of the loss over epochs.

    Args:
        history: one mapping per epoch with ``epoch``, ``step``, ``train_loss`` and ``validation_loss``.
        steps: step and loss of single steps, drawn faintly behind.
        title: above the picture.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    epochs = [row["epoch"] for row in history]
    if steps:
        numbers, losses = zip(*steps, strict=True)
        fractions = np.interp(numbers, [0, *(row["step"] for row in history)], [0, *epochs])
        axes.plot(fractions, losses, color="0.8", linewidth=0.8, label="training, each step")
    axes.plot(
        epochs, [row["train_loss"] for row in history], "o-", color="#1f77b4", label="training, mean of epoch"
    )
    axes.plot(epochs, [row["validation_loss"] for row in history], "o-", color="#d62728", label="validation")
    best = min(history, key=lambda row: row["validation_loss"])
    axes.annotate(
        f"best {best['validation_loss']:.3f}",
        (best["epoch"], best["validation_loss"]),
        xytext=(0, 12),
        textcoords="offset points",
        ha="center",
        color="#d62728",
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss per target token (nats)")
    axes.set_title(title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
