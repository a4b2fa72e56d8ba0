"""What people are told of a sweep: leaderboard, progress, what mattered, pictures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.sweeps import epoch, open_study, sweep_settings
from tuning.importance import importance
from tuning.leaderboard import leaderboard, progress
from tuning.report import COORDINATES, CURVES, make_report
from tuning.study import FINISHED, KILLED, Study

PNG = b"\x89PNG\r\n\x1a\n"
SPACE = {
    "train.learning_rate": {"log_uniform": [0.001, 0.1]},
    "train.label_smoothing": {"choice": [0.0, 0.1]},
    "train.warmup": {"uniform": [0, 0.2], "when": {"train.label_smoothing": [0.1]}},
}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """12 trials whose loss depends on the learning rate alone; one failed, one runs, some were stopped."""
    scheduler = {"name": "median", "min_trials": 3}
    study = open_study(sweep_settings(tmp_path, space=SPACE, scheduler=scheduler, budget={"trials": 14}))
    for number in range(14):
        trial = study.next_trial()
        assert trial
        distance = abs(math.log10(float(trial.values["train.learning_rate"])) + 2)
        for count in (1, 2, 3):
            if number < 12 and not study.report(number, epoch(count, 2 + distance + 1 / count)):
                break
        if number < 12:
            study.end(number, FINISHED)
    study.report(12, epoch(1, math.nan))
    return study


def test_leaderboard_has_every_trial_best_first(study: Study) -> None:
    head, *rows = leaderboard(study).splitlines()
    assert head.split() == [
        "trial", "validation_loss", "at", "epoch", "epochs", "ended", "learning_rate", "label_smoothing",
        "warmup",
    ]  # fmt: skip
    assert len(rows) == 14
    losses = [float(row.split()[2]) for row in rows[:12]]
    assert losses == sorted(losses)
    assert [row.split()[0] for row in rows[:12]] == [str(place) for place in range(1, 13)]
    assert any("failed" in row for row in rows[12:])
    assert any("running" in row for row in rows[12:])


def test_progress_is_a_line_and_what_changed(study: Study) -> None:
    head, *rows = progress(study, changed=[12])
    assert head.startswith("13 of at most 14 trials over (")
    assert "1 failed, 1 running)" in head
    best = study.ranked()[0].best("validation_loss", 1)
    assert best
    assert f"best validation_loss {best['validation_loss']:.4g}" in head
    assert len(rows) == 2
    assert "[the validation loss of epoch 1 is no number: it diverged]" in rows[0]
    assert "learning_rate=" in rows[1]


def test_what_mattered_is_what_the_loss_depends_on(study: Study) -> None:
    shares = importance(study)
    assert next(iter(shares)) == "train.learning_rate"
    assert shares["train.learning_rate"] > 0.6
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)


def test_report_says_it_all(study: Study, tmp_path: Path) -> None:
    report = make_report(study)
    assert report.text.startswith("Sweep small: 14 trials (")
    assert "What mattered" in report.text
    assert "stopped: median: worse" in report.text
    report.write(tmp_path / "report")
    for name in (COORDINATES, CURVES):
        assert (tmp_path / "report" / name).read_bytes().startswith(PNG)
    assert {KILLED, FINISHED} <= {trial.status for trial in study.trials.values()}


def test_a_sweep_without_a_trial_has_a_report_too(tmp_path: Path) -> None:
    report = make_report(open_study(sweep_settings(tmp_path)))
    assert "none begun" in report.text
    assert all(png.startswith(PNG) for png in report.pictures.values())
