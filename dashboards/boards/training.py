"""Training: does the run learn, how fast, and what went into it?"""

from __future__ import annotations

from adcraft import metric_names as names
from dashboards.model import Dashboard, Panel, Row, Target
from dashboards.query import added, latest, share

_WINDOW = "1h"
_rows = added(names.PREPARE_ROWS, _WINDOW)

_RUN = Row(
    "The run",
    (
        Panel(
            "Loss",
            "Nats per target token: of the last steps, and of the last epoch's validation. Where validation "
            "rises while training falls, it learns by heart.",
            (Target(latest(names.TRAINING_LOSS, "split", of="avg"), "{{split}}"),),
            "nats",
            width=12,
            least=None,
            height=8,
        ),
        Panel(
            "Speed",
            "Tokens learnt from per second, by all workers together.",
            (Target(latest(names.TRAINING_SPEED), "tokens/s"),),
            "ops",
            width=12,
            height=8,
        ),
        Panel(
            "Epochs",
            "That are over.",
            (Target(latest(names.TRAINING_EPOCH, of="max"), "epochs"),),
        ),
        Panel(
            "Steps",
            "Of the optimizer. A flat line is a run that waits: for a worker, or for data.",
            (Target(latest(names.TRAINING_STEP, of="max"), "steps"),),
            decimals=0,
        ),
        Panel(
            "Trials of the sweep",
            "By state. Stopped ones were given up early, so that others get their time.",
            (Target(latest(names.SWEEP_TRIALS, "state", known=True), "{{state}}"),),
            stacked=True,
            decimals=0,
        ),
    ),
)

_DATA = Row(
    "Rows of feeds",
    (
        Panel(
            "Rows by outcome",
            "What 'prepare' did with them within the hour before.",
            (Target(added(names.PREPARE_ROWS, _WINDOW, "outcome", known=True), "{{outcome}}"),),
            width=12,
            stacked=True,
        ),
        Panel(
            "Share that was not kept",
            "Rejected rows are in the dataset's rejected/, with the reason; of duplicates, the first stays.",
            tuple(
                Target(share(added(names.PREPARE_ROWS, _WINDOW, outcome=outcome), _rows), outcome)
                for outcome in ("rejected", "duplicate")
            ),
            "percentunit",
            width=12,
            most=1,
            decimals=0,
        ),
    ),
)

TRAINING = Dashboard(
    "training",
    "Training",
    "Does the run learn, how fast, and what went into it? Runs side by side are in MLflow.",
    (_RUN, _DATA),
)
