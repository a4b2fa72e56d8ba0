"""What a teacher writes takes the place of a dataset's texts: in order, once, whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcraft.errors import TrainingError
from adcraft.inference.bundle import Bundle
from adcraft.inference.engine import Hypothesis
from adcraft.training import teaching
from adcraft.training.encoding import SCHEMA, EncodedSplit, open_split
from adcraft.training.teaching import slices, taught_split, write_texts

EOS, EMPTY = 1, 9
ROWS = (3, 5)
"""Of the two row groups of the file."""


class Echo:
    """Writes what it reads, of at most ``max_tokens`` tokens; nothing where that begins with ``EMPTY``."""

    compute_type = "float32"

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def decode(
        self, sources: Sequence[Sequence[int]], *, max_tokens: int, variants: int
    ) -> list[list[Hypothesis]]:
        self.batches.append([len(source) for source in sources])
        written = [[] if source[0] == EMPTY else list(source[:-1])[:max_tokens] for source in sources]
        return [[Hypothesis(ids, 0.0)] for ids in written]

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        raise AssertionError("nothing is scored")


def prompts(first: int, rows: int) -> list[list[int]]:
    """Of different lengths, each another."""
    return [[*range(10 + each, 14 + each + each * 7 % 5), EOS] for each in range(first, first + rows)]


@pytest.fixture
def split(tmp_path: Path) -> EncodedSplit:
    folder = tmp_path / "encoded" / "train"
    folder.mkdir(parents=True)
    with pq.ParquetWriter(folder / "part-000000.parquet", SCHEMA) as writer:
        first = 0
        for rows in ROWS:
            columns = {"source": prompts(first, rows), "target": [[2, EOS]] * rows}
            writer.write_table(pa.table(columns, schema=SCHEMA))
            first += rows
    return open_split(folder, "train split")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Slices of two rows, written by an ``Echo`` in this process; gives their names."""
    written: list[str] = []

    def write(teacher: Bundle, missing: Sequence[teaching.Slice], folder: Path) -> None:
        engine = teaching._Teacher(teacher.path, folder, 6)
        engine.__dict__["_loaded"] = (Echo(), EOS)
        for each in missing:
            engine.write(each)
            written.append(each.name)

    monkeypatch.setattr(teaching, "_SLICE_ROWS", 2)
    monkeypatch.setattr(teaching, "_write", write)
    return written


def rows_of(split: EncodedSplit) -> list[dict[str, list[int]]]:
    return [row for file in sorted(split.folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_texts_end_are_cut_and_stay_in_order() -> None:
    engine = Echo()
    sources = prompts(0, 70)
    texts = write_texts(engine, sources, 6, EOS)
    assert texts == [[*source[:-1][:5], EOS] for source in sources]
    assert [len(batch) for batch in engine.batches] == [32, 32, 6]
    lengths = [length for batch in engine.batches for length in batch]
    assert lengths == sorted(lengths)


def test_slices_are_all_rows_once(split: EncodedSplit, engines: list[str]) -> None:
    cut = list(slices(split))
    assert [(each.group, each.start) for each in cut] == [(0, 0), (0, 2), (1, 0), (1, 2), (1, 4)]
    assert len({each.name for each in cut}) == len(cut)


def test_prompts_stay_and_texts_are_the_teachers(
    tiny_bundle: Bundle, split: EncodedSplit, engines: list[str], tmp_path: Path
) -> None:
    taught = taught_split(tiny_bundle, split, tmp_path / "taught")
    asked = prompts(0, sum(ROWS))
    assert rows_of(taught) == [{"source": each, "target": [*each[:-1][:5], EOS]} for each in asked]
    assert taught.rows == sum(ROWS)
    assert EOS in taught.target_ids
    assert 2 not in taught.target_ids  # which the dataset's texts have


def test_only_what_is_missing_is_written(
    tiny_bundle: Bundle, split: EncodedSplit, engines: list[str], tmp_path: Path
) -> None:
    first = taught_split(tiny_bundle, split, tmp_path / "taught")
    before = rows_of(first)
    (first.folder / engines[3]).unlink()
    lost = engines[3]
    engines.clear()
    again = taught_split(tiny_bundle, split, tmp_path / "taught")
    assert engines == [lost]
    assert rows_of(again) == before


def test_another_teacher_writes_anew(
    tiny_bundle: Bundle, split: EncodedSplit, engines: list[str], tmp_path: Path
) -> None:
    files = {**tiny_bundle.manifest.files, "engine/model.bin": "of another"}
    other = Bundle(tiny_bundle.path, tiny_bundle.manifest.model_copy(update={"files": files}))
    folders = {taught_split(each, split, tmp_path / "taught").folder for each in (tiny_bundle, other)}
    assert len(folders) == 2


def test_prompts_without_a_text_are_left_out(
    tiny_bundle: Bundle, split: EncodedSplit, engines: list[str], tmp_path: Path
) -> None:
    file = split.folder / "part-000000.parquet"
    columns = {"source": [[EMPTY, 4, EOS], [12, 13, EOS]], "target": [[2, EOS]] * 2}
    pq.write_table(pa.table(columns, schema=SCHEMA), file)
    taught = taught_split(tiny_bundle, split, tmp_path / "taught")
    assert rows_of(taught) == [{"source": [12, 13, EOS], "target": [12, 13, EOS]}]
    pq.write_table(pa.table({name: rows[:1] for name, rows in columns.items()}, schema=SCHEMA), file)
    with pytest.raises(TrainingError, match="as the teacher writes it"):
        taught_split(tiny_bundle, split, tmp_path / "silent")


def test_the_engine_of_a_bundle_writes(tiny_bundle: Bundle, split: EncodedSplit, tmp_path: Path) -> None:
    engine = teaching._Teacher(tiny_bundle.path, tmp_path, 6)
    each = next(slices(split))
    assert engine.write(each) == ROWS[0]
    assert pq.read_table(tmp_path / each.name).column("source").to_pylist() == prompts(0, ROWS[0])
