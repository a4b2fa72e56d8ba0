"""Files that appear under their name when they are whole."""

from __future__ import annotations

import contextlib
import errno
import uuid
from collections.abc import Iterator
from pathlib import Path

from adcraft.errors import SettingsError, StorageError


@contextlib.contextmanager
def written_aside(path: Path, what: str) -> Iterator[Path]:
    """A path beside ``path``, moved onto it at the end, or removed if anything goes wrong.

    Args:
        path: the file; its folder is made if it is missing.
        what: it is, for people.

    Raises:
        SettingsError: the path is a folder.
        StorageError: the file can't be made or written to.
        OSError: the disk is full, or failed.
    """
    if path.is_dir():
        raise SettingsError(f"The output {path} is a folder; give a file in it.")
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        raise StorageError(f"The {what} can't be written to {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
