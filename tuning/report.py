"""The report of a sweep: leaderboard, what mattered, why trials ended early, and two pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuning.importance import FEWEST_TRIALS, common_epoch, comparable, importance
from tuning.leaderboard import leaderboard, lineage, reasons
from tuning.study import Study

_NOTE_CHARS = 4000  # MLflow keeps 8,000 bytes
TEXT, COORDINATES, CURVES = "report.txt", "parallel_coordinates.png", "learning_curves.png"


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        text: for a terminal.
        pictures: PNG by file name.
    """

    text: str
    pictures: dict[str, bytes]

    @property
    def note(self) -> str:
        """The head of the text, for the description of a run in MLflow (Markdown)."""
        whole = len(self.text) <= _NOTE_CHARS
        shown = self.text if whole else self.text[:_NOTE_CHARS].rsplit("\n", 1)[0]
        return f"```\n{shown}\n```" + ("" if whole else f"\n\nThe rest is in {TEXT}.")

    def write(self, folder: Path) -> None:
        """Write text and pictures into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TEXT).write_text(self.text + "\n", encoding="utf-8")
        for name, png in self.pictures.items():
            (folder / name).write_bytes(png)


def make_report(study: Study) -> Report:
    """The report of a study as it is now."""
    from tuning.pictures import learning_curves, parallel_coordinates

    counts = ", ".join(f"{count} {status}" for status, count in study.counts().items() if count)
    drawn = [trial for trial in study.trials.values() if not trial.parent]  # children go on in their places
    full = sum(study.settings_of(trial).train.max_epochs for trial in drawn)
    head = (
        f"Sweep {study.sweep.name}: {len(study.trials)} trials ({counts or 'none begun'}), {study.epochs} of "
        f"{full} epochs, {study.elapsed_s:.0f} s; search {study.sweep.search.algorithm}, scheduler "
        f"{study.sweep.scheduler.name}."
    )
    return Report(
        "\n\n".join(
            filter(None, [head, leaderboard(study), lineage(study), _importance(study), reasons(study)])
        ),
        {COORDINATES: parallel_coordinates(study), CURVES: learning_curves(study)},
    )


def _importance(study: Study) -> str:
    shares = importance(study)
    if not shares:
        return (
            f"What mattered can't be told: there are fewer than {FEWEST_TRIALS} trials to compare, or their "
            "values do not explain what they reached."
        )
    epoch = common_epoch(comparable(study))
    lines = [f"  {share:5.0%}  {key}" for key, share in shares.items()]
    return "\n".join(
        [f"What mattered (permutation importance, trials compared after epoch {epoch}):", *lines]
    )
