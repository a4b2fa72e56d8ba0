"""A prepared dataset: found, checked against its manifest, read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from adcraft.data.manifest import REJECTED, SPLITS, VERSION_DIGITS, Manifest
from adcraft.errors import DatasetError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class PreparedDataset:
    """``<root>/<name>/<version>/``, complete and unchanged when it was opened.

    Rows have every field of the workload (text or None) and ``target`` (the text to learn),
    ``target_field`` (the field it was taken from), ``product_key`` (rows of one product share it, and
    their split) and ``source_row`` (``file:row``). Rejected rows have ``file``, ``row``, ``reason``,
    ``detail`` and ``source``.
    """

    path: Path
    name: str
    manifest: Manifest

    @property
    def version(self) -> str:
        """The content's hash."""
        return self.manifest.version

    @classmethod
    def open(cls, root: str | Path, name: str, version: str = "") -> PreparedDataset:
        """Find a dataset and check every file's SHA-256.

        Args:
            root: folder of the prepared datasets.
            name: of the dataset.
            version: "" means the one that was prepared last (by the manifest's time of change).

        Raises:
            DatasetError: there is none such, or it is incomplete or was changed.
        """
        folder = Path(root) / name
        versions = list_versions(root, name)
        if not versions:
            raise DatasetError(
                f"No prepared dataset {name!r} in {root}. Run 'python -m ray_jobs prepare' first, with the "
                "same data.root and data.name."
            )
        if version and version not in versions:
            raise DatasetError(
                f"The dataset {folder} has no version {version!r}; it has {', '.join(versions)}. Set "
                "data.version to one of these, or to '' for the newest."
            )
        return cls.at(folder / (version or versions[0]))

    @classmethod
    def at(cls, path: Path) -> PreparedDataset:
        """The dataset in the folder ``path``, checked.

        Raises:
            DatasetError: it is incomplete or was changed.
        """
        manifest = _read_manifest(path)
        for name, entry in manifest.files.items():
            file = path / name
            if not file.is_file():
                raise _changed(path, f"{name} is missing")
            size = file.stat().st_size
            if size != entry.bytes:
                raise _changed(path, f"{name} has {size} bytes instead of {entry.bytes}")
            if file_sha256(file) != entry.sha256:
                raise _changed(path, f"the content of {name} is another")
        return cls(path=path, name=path.parent.name, manifest=manifest)

    def split_files(self, split: str) -> list[Path]:
        """The Parquet files of ``train``, ``validation``, ``test`` or ``rejected``, in source order."""
        if split not in (*SPLITS, REJECTED):
            raise DatasetError(f"There is no split {split!r}; there are {', '.join((*SPLITS, REJECTED))}.")
        return [self.path / name for name in sorted(self.manifest.files) if name.startswith(f"{split}/")]

    def rows(self, split: str) -> Iterator[dict[str, str | None]]:
        """The rows of a split in source order, a batch in memory at a time."""
        import pyarrow.parquet as pq

        for file in self.split_files(split):
            with pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(batch_size=1024):
                    yield from batch.to_pylist()


def list_versions(root: str | Path, name: str) -> list[str]:
    """The versions of a dataset, the one that was prepared last first; [] if there are none."""
    manifests = [
        path
        for path in Path(root, name).glob(f"*/{MANIFEST}")
        if len(path.parent.name) == VERSION_DIGITS and not path.parent.name.startswith(".")
    ]
    manifests.sort(key=lambda path: (-path.stat().st_mtime_ns, path.parent.name))
    return [path.parent.name for path in manifests]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(path: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except OSError as error:
        raise _changed(path, f"{MANIFEST} can't be read ({error.strerror})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the whole"
        raise _changed(path, f"{MANIFEST} is not a manifest ({where}: {fault['msg']})") from None
    if not path.name == manifest.version == manifest.content_version():
        raise _changed(path, f"{MANIFEST} was changed after it was written")
    return manifest


def _changed(path: Path, fault: str) -> DatasetError:
    return DatasetError(
        f"The prepared dataset {path} can't be trusted: {fault}. Remove the folder and run "
        "'python -m ray_jobs prepare' again; the same feed and settings give the same version."
    )
