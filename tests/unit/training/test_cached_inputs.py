"""What is kept for later runs is made anew when what it was made of, or by, has changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from adcraft.data.dataset import PreparedDataset
from adcraft.inference.bundle import PromptSettings
from adcraft.settings import load_settings
from adcraft.training import encoding, inputs
from adcraft.training.encoding import TRAINING_SPLITS, EncodedSplit, encode
from adcraft.training.inputs import RunInputs
from adcraft.training.local_base import base_digest
from adcraft.workloads import get_workload
from tests.prepared import write_prepared


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return write_prepared(tmp_path_factory.mktemp("data"), rows=20)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors", "optimizer.bin"):
        (folder / name).write_text(name)
    return folder


def change(file: Path, text: str) -> None:
    file.write_text(text)
    later = file.stat().st_mtime_ns + 1_000_000_000  # a test is faster than some file systems' clocks
    os.utime(file, ns=(later, later))


@pytest.fixture
def encoded(dataset: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Encodes by doing nothing; gives the splits that were encoded."""
    made: list[Path] = []

    def write(files: Any, workload: Any, tokenizer: Any, prompt: Any, folder: Path) -> None:
        folder.mkdir(parents=True)
        made.append(folder)

    monkeypatch.setattr(encoding, "_write", write)
    monkeypatch.setattr(encoding, "open_split", lambda folder, what: EncodedSplit(folder, 1, 1))
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    prompt = PromptSettings(fields=("brand",), source_tokens=8, target_tokens=8)

    def run() -> list[Path]:
        made.clear()
        encode(dataset, get_workload("ad_copy"), tokenizer, prompt, tmp_path / "encoded")
        return list(made)

    return run


def test_a_split_is_encoded_once_by_the_same_code(encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [folder.name for folder in encoded()] == list(TRAINING_SPLITS)
    assert encoded() == []
    monkeypatch.setattr(encoding, "code_digest", lambda *modules: "of another release")
    assert [folder.name for folder in encoded()] == list(TRAINING_SPLITS)


def test_the_digest_is_of_prompts_slots_and_tokens(encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def code_digest(*modules: str) -> str:
        asked.update(modules)
        return ""

    monkeypatch.setattr(encoding, "code_digest", code_digest)
    encoded()
    assert asked >= {"adcraft.ad_copy.prompts", "adcraft.ad_copy.slots", "adcraft.inference.codec"}


def base(dataset: PreparedDataset, home: Path, name: str) -> Path:
    return RunInputs(load_settings(overrides=[f"home={home}", f"model.base={name}"]), dataset).base


def test_a_base_is_made_once_by_the_same_code_of_the_same_files(
    dataset: PreparedDataset, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "write_base", lambda model, slots, texts, folder: folder.mkdir())
    for name in ("scratch", str(checkpoint)):
        first = base(dataset, tmp_path, name)
        assert base(dataset, tmp_path, name) == first
        with monkeypatch.context() as other:
            other.setattr(inputs, "code_digest", lambda *modules: "of another release")
            assert base(dataset, tmp_path, name) != first
    change(checkpoint / "model.safetensors", "other weights")
    assert base(dataset, tmp_path, str(checkpoint)) != first


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_local_base_is_known_by_its_files(checkpoint: Path, name: str) -> None:
    before = base_digest(str(checkpoint))
    assert before
    change(checkpoint / "optimizer.bin", "not read")
    assert base_digest(str(checkpoint)) == before
    change(checkpoint / name, "other")
    assert base_digest(str(checkpoint)) != before


def test_a_file_that_was_lost_or_renamed_counts(checkpoint: Path) -> None:
    before = base_digest(str(checkpoint))
    (checkpoint / "config.json").rename(checkpoint / "other.json")
    renamed = base_digest(str(checkpoint))
    (checkpoint / "other.json").unlink()
    assert len({before, renamed, base_digest(str(checkpoint))}) == 3


def test_files_are_read_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def file_digest(stream: Any, algorithm: str) -> Any:
        read.append(Path(stream.name).name)
        return digest(stream, algorithm)

    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    assert base_digest(str(checkpoint)) == base_digest(str(checkpoint))
    assert sorted(read) == ["config.json", "model.safetensors", "tokenizer.json"]
    change(checkpoint / "config.json", "other")
    base_digest(str(checkpoint))
    assert read[3:] == ["config.json"]


def test_hub_names_and_scratch_have_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path)
    assert base_digest("scratch") == base_digest("google-t5/t5-small") == ""
