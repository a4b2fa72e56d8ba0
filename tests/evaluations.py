"""Evaluation records with the figures that a test wants."""

from adcraft.decision.evaluation_record import Contender, Estimate, EvaluationRecord, MetricNote, Sample
from adcraft.decision.evaluation_section import Section

NOTES = {
    "chrf": MetricNote(label="chrF, 0 to 100", better="higher", digits=1),
    "slot_accuracy": MetricNote(label="slots, share", better="higher", digits=3),
    "loss": MetricNote(label="loss, nats", better="lower", digits=3),
    "length": MetricNote(label="characters", better="", digits=1),
}
EQUAL = (-0.5, 0.0, 0.5)


def estimate(low: float, value: float, high: float) -> Estimate:
    return Estimate(low=low, value=value, high=high)


def evaluation(
    *,
    model: str = "2",
    against: str | None = "1",
    key: str = "0123456789abcdef",
    not_compared: dict[str, str] | None = None,
    samples: tuple[Sample, ...] = (),
    sections: tuple[Section, ...] = (),
    products: int = 190,
    **gains: tuple[float, float, float],
) -> EvaluationRecord:
    """An evaluation with these gains, ``chrf=(low, value, high)``; the others show no difference."""
    sides = ["model", *(["against"] if against else []), "echo"]
    score = estimate(0.2, 0.25, 0.3)
    return EvaluationRecord(
        key=key,
        registered_model="ad_copy",
        model=_contender(model),
        against=_contender(against) if against else None,
        dataset="products/0123456789abcdef",
        test_split="f" * 64,
        rows=200,
        products=products,
        left_out=0,
        settings={"confidence": 0.95, "resamples": 1000},
        evaluated_at="2026-01-01T00:00:00.000000Z",
        metrics=NOTES,
        labels={"model": f"version {model}", "against": f"version {against}", "echo": "echo of the name"},
        scores={
            side: dict.fromkeys([name for name in NOTES if side != "echo" or name != "loss"], score)
            for side in sides
        },
        naming={"brand": {"named": 7, "exact": 6}},
        gains={
            name: estimate(*gains.get(name, EQUAL))
            for name in NOTES
            if against and name not in (not_compared or {})
        },
        not_compared=not_compared or {},
        sections=sections,
        samples=samples,
    )


def _contender(version: str) -> Contender:
    return Contender(version=version, run_id=f"run{version}", run_name=f"name{version}", dataset_version="d")
