"""What an evaluation is going to do, settled before Ray is started: which models, which test products."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adcraft import __version__
from adcraft.ad_copy.placements import shipped_placements
from adcraft.data.dataset import PreparedDataset
from adcraft.data.overlap import shared_products
from adcraft.decision.evaluation_record import page_file, record_file
from adcraft.errors import AliasError, DatasetError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.registry import CHALLENGER, CHAMPION, ModelVersion, Registry
from adcraft.settings import EvaluateSettings, Settings
from adcraft.workload import Record
from adcraft.workloads import get_workload

log = logging.getLogger(__name__)

_NOBODY = "none"
_OUTCOME = {
    "rows",
    "compute_type",
    "batch_size",
    "resamples",
    "confidence",
    "seed",
    "samples",
    "ad_products",
    "ad_placements",
}


@dataclass(frozen=True)
class Model:
    """A model version and its bundle, fetched and checked."""

    version: ModelVersion
    bundle: Bundle

    def reads_like(self, other: Model) -> bool:
        """Whether both have one tokenizer and one prompt, so that a token of either is the same text."""
        ours, theirs = (side.bundle.manifest for side in (self, other))
        tokenizer = "model/tokenizer.json"
        prompts = [side.prompt.model_dump(exclude={"values", "tasks"}) for side in (ours, theirs)]
        return ours.files[tokenizer] == theirs.files[tokenizer] and prompts[0] == prompts[1]


@dataclass(frozen=True)
class EvaluationPlan:
    """What is scored.

    Attributes:
        model: to be evaluated.
        against: to be compared with, or None.
        dataset: whose test split it is.
        records: the rows to write for, in source order.
        left_out: rows of the test split that a model has learnt from.
        settings: of the evaluation.
    """

    model: Model
    against: Model | None
    dataset: PreparedDataset
    records: Sequence[Record]
    left_out: int
    settings: EvaluateSettings

    @property
    def record_file(self) -> str:
        """The artifact of the model's run that keeps what is found."""
        return record_file(self.against.version.version if self.against else None)

    @property
    def page_file(self) -> str:
        """The artifact that shows it to people."""
        return page_file(self.against.version.version if self.against else None)

    @property
    def key(self) -> str:
        """Of what is scored on what, and how: the same for a repetition."""
        content = [
            self.model.version.run_id,
            self.against.version.run_id if self.against else "",
            self.dataset.version,
            self.left_out,
            self.settings.model_dump(include=_OUTCOME),
            __version__,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def plan_evaluation(settings: Settings, registry: Registry) -> EvaluationPlan:
    """Find the models and the products.

    The test split is that of the dataset that the model was trained on, or of ``data.version``. Rows of
    products that a model has learnt from are left out, for all sides, so that neither is flattered.

    Raises:
        SettingsError: there is no such placement.
        AliasError: there is no such model.
        BundleError: its bundle is damaged.
        DatasetError: a dataset is gone, so it can't be told what a model has learnt from; or no row is left.
    """
    for placement in settings.evaluate.ad_placements:
        shipped_placements().named(placement)
    version = _model(registry, settings.evaluate.model)
    rival = _rival(registry, settings.evaluate.against, version)
    folder = Path(settings.home) / "models"
    model, against = (
        Model(found, open_bundle(registry.download(found, folder))) if found else None
        for found in (version, rival)
    )
    assert model
    reference = model.bundle.manifest.dataset
    root = settings.data.root
    dataset = PreparedDataset.open(root, reference.name, settings.data.version or reference.version)
    for split in ("test", "train"):
        if not dataset.manifest.splits[split].rows:
            raise DatasetError(
                f"The {split} split of {dataset.name}/{dataset.version} is empty; prepare more products."
            )
    learnt = set[str]()
    for contender in (model, against) if against else (model,):
        learnt |= _learnt(contender, dataset, root, alone=against is None)
    records = [row for row in dataset.rows("test") if row["product_key"] not in learnt]
    left_out = dataset.manifest.splits["test"].rows - len(records)
    if left_out:
        log.warning("%d test rows are left out: a model has learnt from their products", left_out)
    if not records:
        raise DatasetError(
            f"A model has learnt from every product of the test split of {dataset.name}/{dataset.version}. "
            "Prepare with the data.split.seed that its own dataset has, or train again."
        )
    kept = records[: settings.evaluate.rows or None]
    return EvaluationPlan(model, against, dataset, kept, left_out, settings.evaluate)


def _model(registry: Registry, wanted: str) -> ModelVersion:
    if wanted:
        return registry.resolve(wanted)
    for alias in (CHALLENGER, CHAMPION):
        with contextlib.suppress(AliasError):
            return registry.resolve(alias)
    known = registry.aliases()  # says so itself where no model is registered
    raise AliasError(
        f"There is neither a challenger nor a champion to evaluate. Aliases: "
        f"{', '.join(f'{alias} -> {version}' for alias, version in sorted(known.items())) or 'none'}. Set "
        "evaluate.model to one of them, or to a version."
    )


def _rival(registry: Registry, wanted: str, version: ModelVersion) -> ModelVersion | None:
    if wanted == _NOBODY:
        return None
    if wanted:
        rival = registry.resolve(wanted)
        if rival.version == version.version:
            raise AliasError(
                f"evaluate.model and evaluate.against are both {version.name} version {version.version}."
            )
        return rival
    try:
        champion = registry.resolve(CHAMPION)
    except AliasError:
        return None
    return None if champion.version == version.version else champion


def _learnt(model: Model, dataset: PreparedDataset, root: str, *, alone: bool) -> set[str]:
    """Keys of the test products that a model has learnt from."""
    reference = model.bundle.manifest.dataset
    if reference.version == dataset.version:
        return set()
    named = f"{model.version.name} version {model.version.version}"
    try:
        trained_on = PreparedDataset.open(root, reference.name, reference.version)
    except DatasetError as error:
        if alone:
            log.warning(
                "%s was trained on dataset %s; products of the test split of %s may have been among "
                "its training products",
                named,
                reference.version,
                dataset.version,
            )
            return set()
        raise DatasetError(
            f"{named} was trained on a dataset that is gone, so it can't be told whether it has learnt from "
            f"the test products of {dataset.name}/{dataset.version}: {error}"
        ) from None
    return shared_products(dataset, trained_on, get_workload(model.bundle.manifest.workload))
