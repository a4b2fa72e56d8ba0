"""Distilling: from a registered model to a smaller one that has learnt from it, registered like any other."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from adcraft.data.dataset import PreparedDataset
from adcraft.errors import BundleError
from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.registry import ModelVersion, Registry
from adcraft.settings import Settings
from adcraft.training.driver import TrainedModel, train_on
from adcraft.training.student import decoder_layers, kept_layers, student_base
from adcraft.workloads import get_workload

log = logging.getLogger(__name__)

TEACHER_TAG, LAYERS_TAG = "adcraft.teacher", "adcraft.teacher_layers"
"""Of a student's run: its teacher's version, and which of that one's decoder layers it began with."""


@dataclass(frozen=True)
class DistilledModel:
    """What distilling ended in.

    Attributes:
        trained: the student.
        teacher: the version that it learnt from.
        teacher_layers: decoder layers of the teacher.
        layers: those of them that the student began with, from 0.
    """

    trained: TrainedModel
    teacher: ModelVersion
    teacher_layers: int
    layers: tuple[int, ...]


def distill(settings: Settings) -> DistilledModel:
    """Make a student of ``settings.distill.model``, fine-tune it on its teacher's dataset (or that one's
    version ``settings.data.version``) by the training driver, on the connected Ray; register it.

    Raises:
        AliasError: there is no such model.
        BundleError: its bundle is damaged, or reads other prompts than this Adcraft writes.
        SettingsError: it has fewer layers than the student is to have.
        DatasetError, TrainingError, TrackingError, StorageError, ClusterError: see ``train``.
    """
    registry = Registry(settings.tracking.uri, settings.tracking.model)
    teacher = registry.resolve(settings.distill.model)
    bundle = open_bundle(registry.download(teacher, Path(settings.home) / "models"))
    _check_prompt(teacher, bundle)
    of = decoder_layers(bundle)
    layers = kept_layers(of, settings.distill.decoder_layers)
    log.info(
        "a student of %s version %s with its decoder layers %s of %d",
        teacher.name,
        teacher.version,
        layers,
        of,
    )
    settings = _settings_of(settings, bundle, student_base(bundle, layers, _students(settings)))
    dataset = PreparedDataset.open(settings.data.root, settings.data.name, settings.data.version)
    trained = train_on(
        settings,
        dataset,
        teacher=bundle if settings.distill.targets == "teacher" else None,
        name=f"{dataset.name}-{teacher.run_name or teacher.version}-{len(layers)}of{of}",
        tags={TEACHER_TAG: f"{teacher.name}/{teacher.version}", LAYERS_TAG: " ".join(map(str, layers))},
    )
    return DistilledModel(trained, teacher, of, layers)


def _students(settings: Settings) -> Path:
    return Path(settings.train.storage) / "students"


def _settings_of(settings: Settings, teacher: Bundle, base: Path) -> Settings:
    """The student reads and writes as its teacher does, and learns from the same dataset."""
    manifest = teacher.manifest
    model = {
        "base": str(base),
        "revision": "",
        "source_tokens": manifest.prompt.source_tokens,
        "target_tokens": manifest.prompt.target_tokens,
        "tasks": list(manifest.prompt.tasks),
    }
    data = {
        "name": manifest.dataset.name,
        "version": settings.data.version or manifest.dataset.version,
    }
    return settings.model_copy(
        update={
            "workload": manifest.workload,
            "model": settings.model.model_copy(update=model),
            "data": settings.data.model_copy(update=data),
        }
    )


def _check_prompt(teacher: ModelVersion, bundle: Bundle) -> None:
    read, shown = bundle.manifest.prompt.fields, get_workload(bundle.manifest.workload).prompt_fields
    if read != shown:
        raise BundleError(
            f"{teacher.name} version {teacher.version} reads the fields {', '.join(read)}, and prompts "
            f"show {', '.join(shown)} now. Train a teacher by this Adcraft first."
        )
