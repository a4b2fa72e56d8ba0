"""What an evaluation found, as it is kept in the MLflow run of the model that was evaluated."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError

from adcraft.decision.evaluation_section import Frozen, Section
from adcraft.errors import TrackingError

FOLDER = "evaluation"
MODEL, AGAINST = "model", "against"
"""The two sides that are compared; the other sides of a record are baselines."""

Direction = Literal["higher", "lower", ""]


class Estimate(Frozen):
    """A figure and its bootstrap interval, in the metric's unit."""

    value: float
    low: float
    high: float


class MetricNote(Frozen):
    """How to read a metric.

    Attributes:
        label: for people, with the unit.
        better: the direction that is; "" for what is only told.
        digits: after the point.
    """

    label: str
    better: Direction
    digits: int


class Contender(Frozen):
    """A model version that was evaluated."""

    version: str
    run_id: str
    run_name: str
    dataset_version: str


class Sample(Frozen):
    """One product of the test split and each side's copy for it."""

    product: str
    reference: str
    copies: dict[str, str]


class EvaluationRecord(Frozen):
    """The figures of one evaluation.

    Attributes:
        key: of what was evaluated on what, and how; the same for a repetition.
        dataset: name and version of the dataset whose test split it was.
        test_split: SHA-256 of that split's files.
        rows: scored.
        products: that the rows are of; they are what the bootstrap draws.
        left_out: rows of the test split that a model had learnt from.
        labels: of the sides, for people.
        scores: of each side, by metric; what a baseline can't have is left out.
        naming: for each field that names a product, in how many of the model's copies it stands
            (``named``), and in how many of these as the record spells it (``exact``).
        gains: of ``model`` over ``against``, by metric; above zero is better, except where the metric
            has no direction.
        not_compared: metric: why it has no gain.
        sections: on ``model`` alone, which nothing is compared with.
    """

    format: Literal[1] = 1
    key: str
    registered_model: str
    model: Contender
    against: Contender | None
    dataset: str
    test_split: str
    rows: int
    products: int
    left_out: int
    settings: dict[str, Any]
    evaluated_at: str
    metrics: dict[str, MetricNote]
    labels: dict[str, str]
    scores: dict[str, dict[str, Estimate]]
    naming: dict[str, dict[str, int]]
    gains: dict[str, Estimate]
    not_compared: dict[str, str]
    sections: tuple[Section, ...] = ()
    samples: tuple[Sample, ...]

    @property
    def confidence(self) -> float:
        """Of the intervals, 0 to 1."""
        return float(self.settings["confidence"])

    @property
    def title(self) -> str:
        """What was evaluated on what, in a few words."""
        against = f" against version {self.against.version}" if self.against else ""
        left_out = f" ({self.left_out} left out)" if self.left_out else ""
        return (
            f"{self.registered_model} version {self.model.version}{against} on {self.rows} rows of "
            f"{self.products} untouched test products{left_out}"
        )

    @property
    def naming_lines(self) -> list[str]:
        """How the model's copies spell names, a line for each field."""
        return [
            f"{field.replace('_', ' ')}: in {found['named']} of {self.rows} copies, spelled exactly in "
            f"{found['exact']}"
            for field, found in self.naming.items()
        ]

    @property
    def section_figures(self) -> dict[str, float]:
        """The figures of all sections, by the names that they have as metrics."""
        return {name: figure for section in self.sections for name, figure in section.figures.items()}

    @property
    def page_file(self) -> str:
        """The artifact that shows it to people, in the run of ``model``."""
        return page_file(self.against.version if self.against else None)

    def to_json(self) -> str:
        """The text that ``read`` reads."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def read(cls, text: str, where: str) -> EvaluationRecord:
        """Read a record.

        Raises:
            TrackingError: it is none, or was written by another Adcraft.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(map(str, fault["loc"]))
            raise TrackingError(
                f"The evaluation {where} can't be read: {key}: {fault['msg']}. Evaluate again with "
                "evaluate.fresh=true."
            ) from None


def record_file(against: str | None) -> str:
    """The artifact that holds the record of an evaluation against a version, or of one alone."""
    return f"{FOLDER}/{f'against-{against}' if against else 'alone'}.json"


def page_file(against: str | None) -> str:
    """The artifact that shows the same to people."""
    return record_file(against).removesuffix("json") + "html"
