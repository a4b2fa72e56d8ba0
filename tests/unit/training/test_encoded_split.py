"""What is known of a split as token ids, read from its files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcraft.errors import TrainingError
from adcraft.training import encoding
from adcraft.training.encoding import EncodedSplit

EXAMPLES = [([10 + index, 1], [index % 3 + 2, 90 + index // 8, 1]) for index in range(20)]


@pytest.fixture
def split(tmp_path: Path) -> EncodedSplit:
    """Twenty examples in two files of several row groups each."""
    for part, rows in enumerate((EXAMPLES[:7], EXAMPLES[7:])):
        table = pa.table(
            {"source": [source for source, _ in rows], "target": [target for _, target in rows]},
            schema=encoding.SCHEMA,
        )
        pq.write_table(table, tmp_path / f"part-{part}.parquet", row_group_size=3)
    return encoding.open_split(tmp_path, "the train split")


def test_rows_tokens_and_ids_of_targets_are_counted(split: EncodedSplit) -> None:
    assert split.rows == 20
    assert split.tokens == 20 * 5
    assert split.target_ids == {1, 2, 3, 4, 90, 91, 92}


@pytest.mark.parametrize(
    ("count", "taken"),
    [(1, [0]), (3, [0, 6, 12]), (4, [0, 5, 10, 15]), (7, range(0, 14, 2)), (20, range(20)), (99, range(20))],
)
def test_sources_are_taken_evenly(split: EncodedSplit, count: int, taken: list[int]) -> None:
    assert split.sources(count) == [EXAMPLES[index][0] for index in taken]


def test_a_split_that_teaches_nothing(tmp_path: Path) -> None:
    pq.write_table(encoding.SCHEMA.empty_table(), tmp_path / "part-0.parquet")
    with pytest.raises(TrainingError, match="No row of the train split teaches anything"):
        encoding.open_split(tmp_path, "train split")
