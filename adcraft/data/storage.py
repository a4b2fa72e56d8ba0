"""Errors of the disk, said in a sentence."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from adcraft.errors import StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def disk_errors_explained() -> Iterator[None]:
    """Turn an OSError of writing into a StorageError, which survives the way out of a Ray worker."""
    try:
        yield
    except OSError as error:
        number = error.errno or next((n for n in _FULL if f"rrno {n}]" in str(error)), None)
        where = f" at {error.filename}" if error.filename else ""
        if number in _FULL:
            raise StorageError(
                f"The disk is full{where}; nothing half-written was left. Free space, or set home or "
                "data.root to another disk, and run it again."
            ) from None
        raise StorageError(f"Writing failed{where}: {error.strerror or error}.") from None
