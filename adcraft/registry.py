"""The registry of models in MLflow: versions, and the aliases champion, challenger and previous."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adcraft.errors import AliasError, TrackingError
from adcraft.tracking.bundle_fetch import check_bundle, fetch_bundle
from adcraft.tracking.connection import connect, explained, redacted
from adcraft.tracking.provenance import who
from adcraft.tracking.turn import LEASE_S, alone

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MlflowModelVersion

log = logging.getLogger(__name__)

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
BUNDLE_ARTIFACT = "bundle"
RUN_KEY_TAG = "adcraft.run_key"
BEST = "best_"
"""How the metrics of a run's best epoch begin."""

_RUN_NAME_TAG = "adcraft.run_name"
_DATASET_TAG = "adcraft.dataset_version"
_PATIENCE_S = LEASE_S + 60
"""Longer than a decision whose job was killed holds others up: a training of hours does not fail for it."""


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model: the provenance that every answer carries."""

    name: str
    version: str
    aliases: tuple[str, ...]
    run_id: str
    run_name: str
    artifact_uri: str
    dataset_version: str


class Registry:
    """One registered model in the registry at an address."""

    def __init__(self, uri: str, model: str, *, create: bool = True) -> None:
        """Connect.

        Args:
            uri: of MLflow.
            model: its name.
            create: an SQLite file that is not there; else MLflow can't be reached then.

        Raises:
            TrackingError: MLflow can't be reached.
        """
        self._uri = uri
        self._model = model
        self._client = connect(uri, create=create)

    def resolve(self, alias_or_version: str) -> ModelVersion:
        """The version that an alias points to, or that has that number.

        Raises:
            AliasError: there is none; the message names what there is.
            TrackingError: MLflow stopped answering.
        """
        from mlflow.exceptions import MlflowException

        wanted = alias_or_version.strip()
        try:
            if wanted.isdecimal():
                found = self._client.get_model_version(self._model, wanted)
            else:
                found = self._client.get_model_version_by_alias(self._model, wanted)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise TrackingError(
                    f"MLflow at {redacted(self._uri)} refused while resolving {wanted!r}: {error.message}"
                ) from error
            raise AliasError(self._nothing_called(wanted)) from error
        return self._describe(found)

    def find(self, run_key: str) -> ModelVersion | None:
        """The version that was trained by the run with this key, if there is one."""
        with explained(self._uri, "looking for a model version"):
            found = self._client.search_model_versions(
                f"name = '{self._model}' and tag.`{RUN_KEY_TAG}` = '{run_key}'"
            )
        # A search leaves the aliases out.
        return (
            self._describe(self._client.get_model_version(self._model, found[0].version)) if found else None
        )

    def settle(self, version: ModelVersion) -> ModelVersion:
        """Give a version its alias, unless a newer one has it, and end its run, if the job that registered
        it was killed before it did so.
        """
        with explained(self._uri, f"reading the run of {version.name} version {version.version}"):
            if self._client.get_run(version.run_id).info.status == "FINISHED":
                return version
            if not version.aliases:
                version = self._with_alias(version.version)
            self._client.set_terminated(version.run_id, "FINISHED")
        return version

    def best_metrics(self, version: ModelVersion) -> dict[str, float]:
        """The metrics of the best epoch of the run that made a version."""
        with explained(self._uri, f"reading the run of {version.name} version {version.version}"):
            metrics = self._client.get_run(version.run_id).data.metrics
        return {name.removeprefix(BEST): value for name, value in metrics.items() if name.startswith(BEST)}

    def register(self, *, run_id: str, run_name: str, run_key: str, dataset_version: str) -> ModelVersion:
        """Register the bundle of a run as a new version. The first becomes champion, later ones
        challenger; one who decides meanwhile is waited for.

        Raises:
            AliasError: somebody has been deciding for minutes; settle() gives it its alias later.
            TrackingError: MLflow refused.
        """
        from mlflow.exceptions import MlflowException

        with explained(self._uri, f"registering {self._model}"):
            try:
                self._client.create_registered_model(self._model)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = self._client.create_model_version(
                self._model,
                source=f"{self._client.get_run(run_id).info.artifact_uri}/{BUNDLE_ARTIFACT}",
                run_id=run_id,
                tags={RUN_KEY_TAG: run_key, _RUN_NAME_TAG: run_name, _DATASET_TAG: dataset_version},
            )
            return self._with_alias(made.version)

    def download(self, version: ModelVersion, folder: Path) -> Path:
        """Fetch a version's bundle into a folder below ``folder``, or find it fetched.

        Raises:
            BundleError: it is gone, or is none.
            TrackingError: the files can't be fetched.
        """
        return fetch_bundle(self._uri, version, folder)

    def check_bundle(self, version: ModelVersion) -> None:
        """Make sure that a version could be fetched.

        Raises:
            BundleError: its bundle is gone, or is none.
            TrackingError: MLflow does not answer.
        """
        check_bundle(self._uri, version)

    def aliases(self) -> dict[str, str]:
        """Every alias and the version that it points to.

        Raises:
            AliasError: no such model is registered.
            TrackingError: MLflow does not answer.
        """
        try:
            with explained(self._uri, f"reading the aliases of {self._model}"):
                found = self._client.get_registered_model(self._model).aliases
        except AliasError as error:
            raise AliasError(self._unregistered()) from error
        return {alias: str(version) for alias, version in found.items()}

    def check_aliases(self, seen: Mapping[str, str]) -> None:
        """Make sure that champion and previous are as they were ``seen``. A newer challenger changes nothing
        about a decision.

        Raises:
            AliasError: somebody else moved them; the message says which.
        """
        found = self.aliases()
        moves = ", ".join(
            f"{alias} was {seen.get(alias, 'nothing')} and is {found.get(alias, 'nothing')}"
            for alias in (CHAMPION, PREVIOUS)
            if seen.get(alias) != found.get(alias)
        )
        if moves:
            raise AliasError(
                f"Somebody else moved the aliases of {self._model} at the same time: {moves}. Look at them, "
                "and decide again."
            )

    def move_aliases(self, seen: Mapping[str, str], to: Mapping[str, str | None]) -> None:
        """Point aliases elsewhere, in this order; None removes one that still points where it was seen.

        MLflow has no compare-and-set. So they are read just before and after: what somebody moves by hand,
        who waits for no turn, is told.

        Args:
            seen: all aliases as they were when it was decided.
            to: alias to version.

        Raises:
            AliasError: somebody else moved them meanwhile.
            TrackingError: MLflow does not answer or refuses.
        """
        self.check_aliases(seen)
        with explained(self._uri, f"moving the aliases of {self._model}"):
            for alias, version in to.items():
                if version is not None:
                    self._client.set_registered_model_alias(self._model, alias, version)
                elif self.aliases().get(alias) == seen.get(alias):
                    self._client.delete_registered_model_alias(self._model, alias)
        self.check_aliases({alias: version for alias, version in {**seen, **to}.items() if version})

    def tags(self, version: ModelVersion) -> dict[str, str]:
        """A version's tags."""
        with explained(self._uri, f"reading {version.name} version {version.version}"):
            return dict(self._client.get_model_version(self._model, version.version).tags)

    def tags_of_all(self) -> list[dict[str, str]]:
        """The tags of every version."""
        found: list[dict[str, str]] = []
        token: str | None = None
        with explained(self._uri, f"reading the versions of {self._model}"):
            while True:
                page = self._client.search_model_versions(f"name = '{self._model}'", page_token=token)
                found += [dict(version.tags) for version in page]
                token = page.token
                if not token:
                    return found

    def tag(self, version: str, key: str, value: str) -> None:
        """Tag a version."""
        with explained(self._uri, f"tagging {self._model} version {version}"):
            self._client.set_model_version_tag(self._model, version, key, value)

    def log_text(self, version: ModelVersion, text: str, file: str) -> None:
        """Add a text to the run that made a version, or replace it there."""
        with explained(self._uri, f"logging {file}"):
            self._client.log_text(version.run_id, text, file)

    def read_text(self, version: ModelVersion, file: str) -> str | None:
        """A text in the run that made a version; None if it has none such."""
        if file not in self.files(version, str(Path(file).parent)):
            return None
        with explained(self._uri, f"reading {file}"), tempfile.TemporaryDirectory() as aside:
            fetched = Path(self._client.download_artifacts(version.run_id, file, aside))
            return fetched.read_text(encoding="utf-8")

    def files(self, version: ModelVersion, folder: str) -> list[str]:
        """The paths of what lies in a folder of the run that made a version."""
        with explained(self._uri, f"reading the run of {version.name} version {version.version}"):
            return [found.path for found in self._client.list_artifacts(version.run_id, folder)]

    def log_scores(self, version: ModelVersion, scores: Mapping[str, float]) -> None:
        """Add test scores to the run that made a version, as ``test/<name>``."""
        with explained(self._uri, "logging an evaluation"):
            for name, value in scores.items():
                self._client.log_metric(version.run_id, f"test/{name}", value)

    def _with_alias(self, version: str) -> ModelVersion:
        """In turn with decisions and other trainings. The newest is challenger, whoever comes last."""
        with alone(self._uri, self._model, who(), patience_s=_PATIENCE_S):
            aliases = self.aliases()
            alias = CHALLENGER if CHAMPION in aliases else CHAMPION
            if int(aliases.get(alias, 0)) < int(version):
                self._client.set_registered_model_alias(self._model, alias, version)
        return self._describe(self._client.get_model_version(self._model, version))

    def _describe(self, found: MlflowModelVersion) -> ModelVersion:
        return ModelVersion(
            name=found.name,
            version=str(found.version),
            aliases=tuple(found.aliases),
            run_id=found.run_id or "",
            run_name=found.tags.get(_RUN_NAME_TAG, ""),
            artifact_uri=found.source or "",
            dataset_version=found.tags.get(_DATASET_TAG, ""),
        )

    def _nothing_called(self, wanted: str) -> str:
        from mlflow.exceptions import MlflowException

        kind = "version" if wanted.isdecimal() else "alias"
        try:
            model = self._client.get_registered_model(self._model)
        except MlflowException:
            return self._unregistered()
        known = (
            ", ".join(f"{alias} -> {version}" for alias, version in sorted(model.aliases.items())) or "none"
        )
        return f"{self._model} has no {kind} {wanted!r} in MLflow at {redacted(self._uri)}. Aliases: {known}."

    def _unregistered(self) -> str:
        return (
            f"No model {self._model!r} is registered in MLflow at {redacted(self._uri)}. Train one first: "
            "python -m ray_jobs train."
        )
