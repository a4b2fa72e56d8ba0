"""The bundle: all that an answer depends on, in one folder, with a hash for each file.

    manifest.json
    model/      config.json, model.safetensors, tokenizer.json, ...   (transformers' own layout)
    engine/     model.bin, config.json, shared_vocabulary.json        (CTranslate2)
                vmap.txt                                              (pieces that it may write, if not all)
    settings.json
    lexicon.json                                                      (of the texts that it learnt from)
    specimens.json                                                    (of what it wrote when this was made)

No file in it is a pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adcraft.errors import BundleError
from adcraft.inference.lexicon import LEXICON
from adcraft.inference.specimens import SPECIMENS

FORMAT = 1
MANIFEST = "manifest.json"


class _Frozen(BaseModel):
    # A metric that is not a number is written as "NaN", which can be read back; null could not.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class DatasetReference(_Frozen):
    """The prepared dataset that a model was trained on."""

    name: str
    version: str


class RunReference(_Frozen):
    """The MLflow run that made a model."""

    id: str
    name: str


class PromptSettings(_Frozen):
    """How a request becomes the model's input, and how far it may answer.

    Attributes:
        fields: that a prompt may show.
        source_tokens: read at most.
        target_tokens: written at most.
        values: of the fields of few values, those that the model has seen.
        tasks: that it learns; none: all of its workload.
    """

    fields: tuple[str, ...]
    source_tokens: int
    target_tokens: int
    values: dict[str, tuple[str, ...]] = {}
    tasks: tuple[str, ...] = ()

    def learns(self, task: str) -> bool:
        """Whether the model learns ``task``."""
        return not self.tasks or task in self.tasks


class BundleManifest(_Frozen):
    """``manifest.json``. ``files`` maps each other file's path in the bundle to its SHA-256."""

    format: int
    workload: str
    base: str
    dataset: DatasetReference
    run: RunReference
    prompt: PromptSettings
    metrics: dict[str, float]
    files: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files were found to be what its manifest says."""

    path: Path
    manifest: BundleManifest

    @property
    def model(self) -> Path:
        """Weights, config and tokenizer in transformers' layout."""
        return self.path / "model"

    @property
    def engine(self) -> Path:
        """The converted model, for CTranslate2."""
        return self.path / "engine"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of training, as the ``tokenizers`` library writes it."""
        return self.model / "tokenizer.json"

    @property
    def lexicon(self) -> Path:
        """Of the texts that the model learnt from; older bundles have none."""
        return self.path / LEXICON

    @property
    def specimens(self) -> Path:
        """Of what the model wrote when the bundle was made; older bundles have none."""
        return self.path / SPECIMENS


def open_bundle(path: Path) -> Bundle:
    """Open a bundle and check every file's hash.

    Raises:
        BundleError: no manifest, another format, or a file is missing, changed or unlisted.
    """
    manifest = _read_manifest(path)
    found = dict(_files(path))
    if missing := sorted(manifest.files.keys() - found.keys()):
        raise BundleError(f"The bundle at {path} lacks {', '.join(missing)}. Fetch the model version again.")
    if unlisted := sorted(found.keys() - manifest.files.keys()):
        raise BundleError(
            f"The bundle at {path} holds {', '.join(unlisted)}, which its manifest does not list. It is not "
            "loaded; fetch the model version again."
        )
    for name, expected in manifest.files.items():
        actual = sha256(found[name])
        if actual != expected:
            raise BundleError(
                f"{name} in the bundle at {path} was changed: its SHA-256 is {actual[:12]}…, the manifest "
                f"says {expected[:12]}…. It is not loaded; fetch the model version again."
            )
    return Bundle(path, manifest)


def seal_bundle(
    path: Path,
    *,
    workload: str,
    base: str,
    dataset: DatasetReference,
    run: RunReference,
    prompt: PromptSettings,
    metrics: dict[str, float],
) -> Bundle:
    """Write the manifest of a folder that is otherwise complete: hashes of all that lies in it."""
    manifest = BundleManifest(
        format=FORMAT,
        workload=workload,
        base=base,
        dataset=dataset,
        run=run,
        prompt=prompt,
        metrics=metrics,
        files={name: sha256(file) for name, file in _files(path)},
    )
    (path / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Bundle(path, manifest)


def sha256(file: Path) -> str:
    """The SHA-256 of a file, as hex; read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and file != path / MANIFEST:
            yield file.relative_to(path).as_posix(), file


def _read_manifest(path: Path) -> BundleManifest:
    file = path / MANIFEST
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is not a model bundle: it has no {MANIFEST}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{file} can't be read: {error}.") from None
    if isinstance(tree, dict) and tree.get("format") != FORMAT:
        raise BundleError(
            f"{file} is of format {tree.get('format')!r}; this Adcraft reads format {FORMAT}. "
            "Use the Adcraft that made it, or train again."
        )
    try:
        return BundleManifest.model_validate(tree)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise BundleError(f"{file} is not a bundle's manifest: {key}: {fault['msg']}.") from None
