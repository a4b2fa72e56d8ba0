"""A model's copy for the untouched test split, scored beside another model's and the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

import pyarrow.parquet as pq

from adcraft.ad_copy.ad_quality.report import ads_section
from adcraft.ad_copy.baselines import NearestText, echo, template
from adcraft.ad_copy.evaluation_plan import EvaluationPlan, Model
from adcraft.ad_copy.naming import naming
from adcraft.ad_copy.scoring import METRICS, loss, seconds, text_statistics
from adcraft.ad_copy.writing import Crew, Written, write_all
from adcraft.data.dataset import PreparedDataset
from adcraft.data.overlap import split_digest
from adcraft.decision.bootstrap import Floats, PairedBootstrap, gain
from adcraft.decision.evaluation_record import (
    AGAINST,
    MODEL,
    Contender,
    EvaluationRecord,
    MetricNote,
    Sample,
)
from adcraft.decision.trail import now
from adcraft.training.heartbeat import told
from adcraft.workload import Record, without_target

_TRAINING_ROWS = 100_000
_BASELINES = {
    "echo": "echo of the name",
    "template": "filled template",
    "nearest": "nearest training text",
}


def evaluate(plan: EvaluationPlan) -> EvaluationRecord:
    """Generate for the test products on the connected Ray, and score.

    Raises:
        BundleError, SettingsError, ClusterError: see ``write_all``.
    """
    records, settings = plan.records, plan.settings
    models = {MODEL: plan.model} | ({AGAINST: plan.against} if plan.against else {})
    crew = Crew.for_rows(len(records), settings)
    written = {
        side: write_all(model.bundle, records, settings, crew, _named(model))
        for side, model in models.items()
    }
    training = _evenly(plan.dataset, "train", _TRAINING_ROWS)
    copies = {side: out.copies for side, out in written.items()} | _baselines(plan, training)
    ads = ads_section(plan.model.bundle, records, training, settings, crew, _named(plan.model))
    with told("scoring"):
        statistics = {side: text_statistics(texts, records) for side, texts in copies.items()}
        for side, out in written.items():
            statistics[side] = _of_a_model(out) | statistics[side]
        bootstrap = PairedBootstrap(
            [record["product_key"] or "" for record in records],
            resamples=settings.resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        )
        scores = {side: bootstrap.scores(METRICS, of_side) for side, of_side in statistics.items()}
    not_compared = _not_compared(plan.model, plan.against) if plan.against else {}
    gains = {
        name: bootstrap.estimate(gain(METRICS[name], score, scores[AGAINST][name]))
        for name, score in scores[MODEL].items()
        if plan.against and name not in not_compared
    }
    return EvaluationRecord(
        key=plan.key,
        registered_model=plan.model.version.name,
        model=_contender(plan.model),
        against=_contender(plan.against) if plan.against else None,
        dataset=f"{plan.dataset.name}/{plan.dataset.version}",
        test_split=split_digest(plan.dataset),
        rows=len(records),
        products=bootstrap.products,
        left_out=plan.left_out,
        settings=settings.model_dump(mode="json", exclude={"model", "against", "fresh"}),
        evaluated_at=now(),
        metrics={
            name: MetricNote(label=metric.label, better=metric.better, digits=metric.digits)
            for name, metric in METRICS.items()
        },
        labels={side: f"version {model.version.version}" for side, model in models.items()} | _BASELINES,
        scores={
            side: {name: bootstrap.estimate(score) for name, score in of_side.items()}
            for side, of_side in scores.items()
        },
        naming={field: asdict(found) for field, found in naming(copies[MODEL], records).items()},
        gains=gains,
        not_compared=not_compared,
        sections=(ads,) if ads else (),
        samples=_samples(plan, copies),
    )


def _baselines(plan: EvaluationPlan, training: Sequence[Record]) -> dict[str, list[str]]:
    asked = [without_target(record) for record in plan.records]
    with told("finding the nearest training texts"):
        nearest = NearestText(training, plan.model.bundle.manifest.prompt.fields)
        return {"echo": echo(asked), "template": template(asked), "nearest": nearest.texts(asked)}


def _of_a_model(out: Written) -> dict[str, Floats]:
    return {"loss": loss(out.likelihoods), "seconds_per_copy": seconds(out.seconds)}


def _not_compared(model: Model, against: Model) -> dict[str, str]:
    if model.reads_like(against):
        return {}
    return {"loss": "the models have different tokenizers or prompts, so a token is not the same text"}


def _named(model: Model) -> str:
    return f"{model.version.name} version {model.version.version}"


def _contender(model: Model) -> Contender:
    version = model.version
    return Contender(
        version=version.version,
        run_id=version.run_id,
        run_name=version.run_name,
        dataset_version=version.dataset_version,
    )


def _samples(plan: EvaluationPlan, copies: dict[str, list[str]]) -> tuple[Sample, ...]:
    """The first products, so that reports of one test split show the same ones."""
    return tuple(
        Sample(
            product=record["product_name"] or "",
            reference=record["target"] or "",
            copies={side: texts[index] for side, texts in copies.items()},
        )
        for index, record in enumerate(plan.records[: plan.settings.samples])
    )


def _evenly(dataset: PreparedDataset, split: str, limit: int) -> Sequence[dict[str, str | None]]:
    total = sum(pq.read_metadata(file).num_rows for file in dataset.split_files(split))
    return list(islice(dataset.rows(split), 0, None, max(1, total // limit)))
