"""A disk that is full, said in a sentence."""

from pathlib import Path

import pyarrow as pa
import pytest

from adcraft.data.parts import _write_arrow
from adcraft.data.storage import disk_errors_explained
from adcraft.errors import StorageError

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_a_full_disk() -> None:
    table = pa.table({"a": ["x" * 100_000]})
    with pytest.raises(StorageError, match=r"^The disk is full.*data\.root"), disk_errors_explained():
        _write_arrow(FULL, table)
    with pytest.raises(StorageError, match=r"^The disk is full"), disk_errors_explained():
        FULL.write_text("x" * 100_000)


def test_other_faults(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"Writing failed at .*: Is a directory"),
        disk_errors_explained(),
    ):
        tmp_path.write_text("x")
