"""The bundle: what was sealed opens, and nothing else does."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adcraft.errors import BundleError
from adcraft.inference.bundle import (
    Bundle,
    DatasetReference,
    PromptSettings,
    RunReference,
    open_bundle,
    seal_bundle,
    sha256,
)

FILES = {
    "settings.json": "{}\n",
    "model/config.json": '{"a": 1}',
    "model/model.safetensors": "weights",
    "engine/model.bin": "more weights",
}


def seal(folder: Path, **metrics: float) -> Bundle:
    return seal_bundle(
        folder,
        workload="ad_copy",
        base="scratch",
        dataset=DatasetReference(name="products", version="0123"),
        run=RunReference(id="1", name="run"),
        prompt=PromptSettings(fields=("product_name",), source_tokens=8, target_tokens=8),
        metrics=metrics,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    seal(folder, loss=0.5)
    return folder


def refusal(folder: Path) -> str:
    """The sentence that a folder is refused with."""
    with pytest.raises(BundleError) as refused:
        open_bundle(folder)
    message = str(refused.value)
    assert str(folder) in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_what_was_sealed_opens(folder: Path) -> None:
    sealed = seal(folder, loss=0.5, chrf=61.0)
    opened = open_bundle(folder)
    assert opened == sealed
    assert opened.manifest.files == {name: sha256(folder / name) for name in sorted(FILES)}
    assert opened.manifest.metrics == {"loss": 0.5, "chrf": 61.0}
    assert opened.tokenizer == folder / "model" / "tokenizer.json"
    assert opened.engine == folder / "engine"


def test_the_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "abc") == expected


def test_a_metric_that_is_no_number_can_be_read_back(folder: Path) -> None:
    seal(folder, loss=math.nan, best=math.inf)
    json.loads((folder / "manifest.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    metrics = open_bundle(folder).manifest.metrics
    assert math.isnan(metrics["loss"])
    assert metrics["best"] == math.inf


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert refusal(folder).startswith(f"{name} in the bundle at {folder} was changed: its SHA-256 is ")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"lacks {name}." in refusal(folder)


@pytest.mark.parametrize("name", ["model/pytorch_model.bin", "extra.pkl", ".hidden", "engine/deep/er/x"])
def test_a_file_that_the_manifest_does_not_list(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"")
    assert f"holds {name}, which its manifest does not list" in refusal(folder)


def change(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda tree: {**tree, **changes}


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (change(format=2), "is of format 2; this Adcraft reads format 1"),
        (change(format="1"), "is of format '1'"),
        (change(format=None), "is of format None"),
        (lambda tree: {}, "is of format None"),
        (lambda tree: [], "is not a bundle's manifest"),
        (lambda tree: "x", "is not a bundle's manifest"),
        (change(workload=5), "workload: Input should be a valid string"),
        (change(surplus=5), "surplus: Extra inputs are not permitted"),
        (change(run={"id": "1"}), "run.name: Field required"),
        (
            change(prompt={"fields": ["a"], "source_tokens": "many", "target_tokens": 1}),
            "prompt.source_tokens: ",
        ),
        (change(files=["x"]), "files: Input should be a valid dictionary"),
    ],
)
def test_a_manifest_of_another_kind(folder: Path, tamper: Callable[[Any], Any], said: str) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(tamper(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    assert said in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"null", b"[" * 100_000, b"{'format': 1}"])
def test_a_manifest_that_is_not_json(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    assert "manifest.json" in refusal(folder)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "odd" / "manifest.json").mkdir(parents=True)
    assert "is not a model bundle: it has no manifest.json" in refusal(tmp_path / "empty")
    assert "is not a model bundle" in refusal(tmp_path / "nowhere")
    assert "can't be read" in refusal(tmp_path / "file")
    assert "can't be read" in refusal(tmp_path / "odd")


@pytest.mark.parametrize("name", ["../secret", "model/../../secret", "{absolute}", "./settings.json", "."])
def test_a_manifest_can_point_to_nothing_outside(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = folder.parent / "secret"
    secret.write_text("secret", encoding="utf-8")
    name = name.replace("{absolute}", str(secret))
    file = folder / "manifest.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    tree["files"][name] = sha256(secret)
    file.write_text(json.dumps(tree), encoding="utf-8")
    read: list[Path] = []
    monkeypatch.setattr("adcraft.inference.bundle.sha256", read.append)
    assert f"lacks {name}." in refusal(folder)
    assert not read


def test_a_linked_folder_is_not_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "engine").rename(outside)
    (folder / "engine").symlink_to(outside)
    assert "lacks engine/model.bin" in refusal(folder)


def test_a_trained_bundle_holds_no_pickle(bundle: Bundle) -> None:
    files = [file for file in bundle.path.rglob("*") if file.is_file()]
    assert {file.relative_to(bundle.path).as_posix() for file in files} >= {
        "manifest.json",
        "model/model.safetensors",
        "model/config.json",
        "model/tokenizer.json",
        "engine/model.bin",
        "engine/config.json",
        "engine/shared_vocabulary.json",
        "engine/vmap.txt",
        "specimens.json",
    }
    for file in files:
        start = file.read_bytes()[:2]
        assert not zipfile.is_zipfile(file), file  # what torch.save and numpy.savez write
        assert not (start[0] == 0x80 and start[1] <= 5), file  # a pickle's first bytes
        assert file.suffix in {".json", ".safetensors"} or file.name in {"model.bin", "vmap.txt"}, file
        if file.suffix == ".json":
            json.loads(file.read_text(encoding="utf-8"))
    assert open_bundle(bundle.path).manifest == bundle.manifest
