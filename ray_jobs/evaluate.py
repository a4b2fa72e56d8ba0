"""Score a registered model on its dataset's untouched test split, beside another model and three baselines.

evaluate.model is an alias or a version, by default the challenger, or the champion where there is none;
evaluate.against is what it is compared with, by default the champion. Loss, ROUGE-L, chrF, distinct words,
slots, unsupported numbers, length and latency, each with a bootstrap interval, are printed, and go to the
model's MLflow run with a page of samples side by side. For evaluate.ad_products of the products the model
also writes ads, and their limits, grounding, variants and controls are reported. The same evaluation is not
done twice.
"""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING, Any

from adcraft.errors import TrackingError
from adcraft.settings import Settings
from cluster.session import ray_session

if TYPE_CHECKING:
    from adcraft.ad_copy.evaluation_plan import EvaluationPlan
    from adcraft.decision.evaluation_record import EvaluationRecord
    from adcraft.registry import Registry

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Evaluation takes settings only."""


def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Evaluate or find it done, print the table, log scores and page."""
    from adcraft.ad_copy.evaluation_plan import plan_evaluation
    from adcraft.decision.evaluation_table import table
    from adcraft.registry import Registry

    registry = Registry(settings.tracking.uri, settings.tracking.model)
    plan = plan_evaluation(settings, registry)
    done = None if settings.evaluate.fresh else _done_before(registry, plan)
    record = done or _evaluate(settings, registry, plan)
    print(record.title)
    print(table(record))
    return _result(record, reused=done is not None)


def _done_before(registry: Registry, plan: EvaluationPlan) -> EvaluationRecord | None:
    from adcraft.decision.evaluation_record import EvaluationRecord

    text = registry.read_text(plan.model.version, plan.record_file)
    if text is None:
        return None
    try:
        record = EvaluationRecord.read(text, plan.record_file)
    except TrackingError as error:
        log.warning("%s", error)
        return None
    if record.key != plan.key:
        return None
    log.info("this evaluation was done before; evaluate.fresh=true does it again")
    return record


def _evaluate(settings: Settings, registry: Registry, plan: EvaluationPlan) -> EvaluationRecord:
    from adcraft.decision.evaluation_page import page
    from adcraft.decision.evaluation_record import MODEL

    with ray_session(settings):
        from adcraft.ad_copy.evaluation import evaluate

        record = evaluate(plan)
    version = plan.model.version
    scores = {name: score.value for name, score in record.scores[MODEL].items()}
    registry.log_scores(version, scores | record.section_figures)
    registry.log_text(version, page(record), plan.page_file)
    registry.log_text(version, record.to_json(), plan.record_file)  # last: what is there is whole
    return record


def _result(record: EvaluationRecord, *, reused: bool) -> dict[str, Any]:
    from adcraft.decision.evaluation_record import MODEL

    against = record.against.version if record.against else None
    return {
        "model": record.registered_model,
        "model_version": record.model.version,
        "against_version": against,
        "dataset_version": record.dataset.rpartition("/")[2],
        "rows": record.rows,
        "left_out": record.left_out,
        "reused": reused,
        "scores": {
            side: {name: round(score.value, 5) for name, score in scores.items()}
            for side, scores in record.scores.items()
        },
        "intervals": {
            side: {name: [score.low, score.high] for name, score in scores.items()}
            for side, scores in record.scores.items()
        },
        "naming": record.naming,
        "gains": {name: gain.model_dump() for name, gain in record.gains.items()},
        "not_compared": record.not_compared,
        "sections": {name: round(figure, 5) for name, figure in record.section_figures.items()},
        "seconds_per_copy": round(record.scores[MODEL]["seconds_per_copy"].value, 5),
        "page": record.page_file,
    }
