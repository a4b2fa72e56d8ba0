"""Fetching a model version's bundle from where MLflow keeps it."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from adcraft.errors import BundleError
from adcraft.inference.bundle import MANIFEST
from adcraft.tracking.connection import explained

if TYPE_CHECKING:
    from adcraft.registry import ModelVersion


def check_bundle(uri: str, version: ModelVersion) -> None:
    """Make sure that a version's bundle is where MLflow says, without fetching it.

    Raises:
        BundleError: it is gone, or is none.
        TrackingError: MLflow does not answer.
    """
    import mlflow.artifacts

    with explained(uri, f"looking for {version.name} version {version.version}"):
        found = mlflow.artifacts.list_artifacts(artifact_uri=version.artifact_uri, tracking_uri=uri)
    what = f"{version.name} version {version.version}"
    if not found:
        raise BundleError(
            f"The bundle of {what} is gone: nothing is at {version.artifact_uri}. Bring the files back, or "
            "use another version."
        )
    if MANIFEST not in {Path(file.path).name for file in found}:
        raise BundleError(f"{what} at {version.artifact_uri} is not an Adcraft bundle: it has no {MANIFEST}.")


def place_of(version: ModelVersion, folder: Path) -> Path:
    """Where the bundle of a version is, once it was fetched into ``folder``."""
    return folder / f"{version.version}-{version.run_id[:12]}"


def fetch_bundle(uri: str, version: ModelVersion, folder: Path) -> Path:
    """Fetch a version's bundle to :func:`place_of` it, or find it fetched. The download
    appears under that name when it is whole, so processes that race do no harm.

    Raises:
        BundleError: it is gone, or is none.
        TrackingError: the files can't be fetched.
    """
    target = place_of(version, folder)
    if (target / MANIFEST).exists():
        return target
    check_bundle(uri, version)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as aside:
        fetched = _download(uri, version, aside)
        try:
            fetched.rename(target)
        except OSError:
            if not (target / MANIFEST).exists():  # else another process was faster
                raise
    return target


def _download(uri: str, version: ModelVersion, aside: str) -> Path:
    import mlflow.artifacts

    what = f"{version.name} version {version.version}"
    with explained(uri, f"fetching {what}"):
        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    artifact_uri=version.artifact_uri, dst_path=aside, tracking_uri=uri
                )
            )
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise BundleError(
                f"The bundle of {what} can't be fetched from {version.artifact_uri}: {error}."
            ) from error
