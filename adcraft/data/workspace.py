"""A folder aside in which a dataset is written, and the one step that makes it a version.

Folders in work are ``<root>/<name>/.preparing-*``. The job holds a lock in its own; the lock of a job
that died is free, which is how the next job knows what to clear away.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from adcraft.data.dataset import MANIFEST, PreparedDataset
from adcraft.data.manifest import Manifest
from adcraft.errors import DatasetError, StorageError

log = logging.getLogger(__name__)

_PREFIX = ".preparing-"
_LOCK = "lock"
REPORT = "report.txt"


@dataclass(frozen=True)
class Workspace:
    """A dataset in the making.

    Attributes:
        home: ``<root>/<name>``, where the version will be.
        path: the folder aside.
    """

    home: Path
    path: Path

    @property
    def parts(self) -> Path:
        """For files that don't outlive the job."""
        return self.path / "parts"

    @property
    def dataset(self) -> Path:
        """What will be the version's folder."""
        return self.path / "dataset"

    def publish(self, manifest: Manifest, report: str) -> tuple[PreparedDataset, bool]:
        """Make ``dataset`` the version that ``manifest`` names.

        Returns:
            The version, and whether it had been there before: then that one stays, if it is whole.
        """
        (self.dataset / REPORT).write_text(report, encoding="utf-8")
        _write_through(self.dataset / MANIFEST, manifest.to_json())
        final = self.home / manifest.version
        if final.exists():
            try:
                existing = PreparedDataset.at(final)
            except DatasetError as error:
                log.warning("%s It is replaced.", error)
                final.rename(self.path / "damaged")
            else:
                os.utime(final / MANIFEST)  # it is the newest again
                return existing, True
        self.dataset.rename(final)
        return PreparedDataset.at(final), False


@contextlib.contextmanager
def workspace(root: str, name: str) -> Iterator[Workspace]:
    """A folder aside, removed on the way out; those that dead jobs left are removed first.

    Raises:
        StorageError: the folder can't be written.
    """
    if "://" in root:
        raise StorageError(
            f"data.root = {root!r} is a URL. Datasets are written to a path that every node sees."
        )
    home = Path(root) / name
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / ".lock"):
            _clear_dead(home)
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
            lock = FileLock(path / _LOCK)
            lock.acquire()
    except OSError as error:
        raise StorageError(
            f"The folder {home} (data.root) can't be written: {error.strerror or error}."
        ) from None
    try:
        made = Workspace(home, path)
        made.parts.mkdir()
        made.dataset.mkdir()
        yield made
    finally:
        lock.release()
        shutil.rmtree(path, ignore_errors=True)


def _clear_dead(home: Path) -> None:
    for path in home.glob(f"{_PREFIX}*"):
        try:
            with FileLock(path / _LOCK, timeout=0):
                log.info("removing what a job that died left in %s", path)
        except Timeout:
            continue  # its job lives
        shutil.rmtree(path, ignore_errors=True)


def _write_through(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
