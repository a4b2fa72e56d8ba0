"""Specimens, and the smoke test by them: a model that is not what was trained is found out."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import pytest
import torch
from transformers import T5ForConditionalGeneration

from adcraft.errors import BundleError
from adcraft.inference.bundle import Bundle, open_bundle, seal_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine, Hypothesis
from adcraft.inference.generator import Generator
from adcraft.inference.smoke import smoke_test
from adcraft.inference.specimens import (
    KEPT,
    SPECIMENS,
    Specimen,
    Specimens,
    agreement,
    read_specimens,
    take_specimens,
)
from adcraft.training.conversion import convert
from adcraft.workloads import get_workload


class Puppet:
    """An engine that writes what it is told to, whatever it reads; it can fall."""

    compute_type = "wood"

    def __init__(self, *written: Sequence[int], fault: Exception | None = None) -> None:
        self._written, self._fault = written, fault

    def decode(
        self, sources: Sequence[Sequence[int]], *, max_tokens: int, variants: int
    ) -> list[list[Hypothesis]]:
        if self._fault:
            raise self._fault
        ids = [self._written[index % len(self._written)] for index in range(len(sources))]
        return [[Hypothesis(list(each), -1.0)] for each in ids]

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        raise NotImplementedError


def generator(bundle: Bundle, engine: Puppet) -> Generator:
    codec = TextCodec.load(bundle.tokenizer)
    return Generator(engine, codec, get_workload("ad_copy"), bundle.manifest.prompt)


def resealed(bundle: Bundle) -> Bundle:
    """As somebody would publish it whose tools went wrong: each hash is right."""
    kept = bundle.manifest
    seal_bundle(
        bundle.path,
        workload=kept.workload,
        base=kept.base,
        dataset=kept.dataset,
        run=kept.run,
        prompt=kept.prompt,
        metrics=kept.metrics,
    )
    return open_bundle(bundle.path)


def converted(model: T5ForConditionalGeneration, bundle: Bundle) -> Bundle:
    """The bundle with another model in its engine, which has no map then."""
    shutil.rmtree(bundle.engine)
    convert(model, TextCodec.load(bundle.tokenizer).vocabulary, bundle.engine)
    return resealed(bundle)


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Bundle:
    return dataclasses.replace(bundle, path=shutil.copytree(bundle.path, tmp_path / "bundle"))


@pytest.fixture
def older(copied: Bundle) -> Bundle:
    copied.specimens.unlink()
    return resealed(copied)


def test_specimens_are_what_the_engine_wrote(bundle: Bundle) -> None:
    specimens = read_specimens(bundle.specimens)
    codec = TextCodec.load(bundle.tokenizer)
    assert len(specimens.specimens) == KEPT
    texts = codec.decode([specimen.written for specimen in specimens.specimens])
    assert {"Meet <name> by <brand>."} < set(texts)
    engine = CTranslate2Engine(bundle.engine, codec.vocabulary, compute_type="float32")
    assert take_specimens(engine, specimens.sources, 32) == specimens
    assert agreement(engine, specimens, 32) == 1
    assert SPECIMENS in bundle.manifest.files


def test_agreement_is_the_mean_share_of_ids_in_common() -> None:
    pairs = [((5, 1), (1, 2, 3, 4)), ((6, 1), (1, 2))]
    specimens = Specimens(specimens=tuple(Specimen(source=s, written=w) for s, w in pairs))
    assert agreement(Puppet([1, 2, 3, 4], [1, 2]), specimens, 8) == 1
    assert agreement(Puppet([1, 2, 3, 4]), specimens, 8) == pytest.approx((1 + 4 / 6) / 2)
    assert agreement(Puppet([]), specimens, 8) == 0
    assert agreement(Puppet([7, 8, 9]), specimens, 8) == 0
    assert agreement(Puppet([7]), Specimens(), 8) == 1


def test_what_was_written_is_read(tmp_path: Path) -> None:
    specimens = Specimens(
        specimens=(Specimen(source=(5, 1), written=()), Specimen(source=(1,), written=(2,)))
    )
    specimens.write(tmp_path / SPECIMENS)
    assert read_specimens(tmp_path / SPECIMENS) == specimens
    assert read_specimens(tmp_path / "nothing.json") == Specimens()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"specimens": [{"source": [1]}]}', '{"other": 1}'])
def test_a_file_that_holds_no_specimens(tmp_path: Path, content: str) -> None:
    (tmp_path / SPECIMENS).write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=r"specimens\.json can't be read as specimens: .*\.$"):
        read_specimens(tmp_path / SPECIMENS)


@pytest.mark.parametrize("compute_type", sorted(ctranslate2.get_supported_compute_types("cpu")))
def test_the_trained_model_passes_in_every_type(bundle: Bundle, compute_type: str) -> None:
    smoke_test(Generator.load(bundle, compute_type=compute_type), bundle)


def test_the_trained_model_passes_on_torch(bundle: Bundle) -> None:
    smoke_test(Generator.load(bundle, engine="torch"), bundle)


def test_an_older_bundle_passes_without_specimens(older: Bundle) -> None:
    smoke_test(Generator.load(older), older)


@pytest.mark.parametrize("compute_type", ["float32", "auto"])
def test_shuffled_weights_are_found_out(copied: Bundle, compute_type: str) -> None:
    model = T5ForConditionalGeneration.from_pretrained(copied.model).eval()
    with torch.no_grad():
        model.shared.weight[3:] = model.shared.weight[3:].flip(0)
    published = converted(model, copied)
    said = r"answers other than what training saw: '.*' instead of 'Meet .*is needed\. It is not served"
    with pytest.raises(BundleError, match=said):
        smoke_test(Generator.load(published, compute_type=compute_type), published)


def test_random_weights_are_found_out(copied: Bundle) -> None:
    torch.manual_seed(1)
    trained = T5ForConditionalGeneration.from_pretrained(copied.model)
    published = converted(T5ForConditionalGeneration(trained.config).eval(), copied)
    with pytest.raises(BundleError, match=r"writes nothing|answers other than what training saw"):
        smoke_test(Generator.load(published), published)


def test_a_shuffled_vocabulary_is_found_out(copied: Bundle) -> None:
    """The matrices' rows stay where they are: so it was with a converter that reloads the tokenizer."""
    file = copied.model / "tokenizer.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    pieces = tree["model"]["vocab"]
    shuffled = [*pieces[:3], *pieces[3:][::-1]]
    tree["model"]["vocab"] = shuffled
    file.write_text(json.dumps(tree), encoding="utf-8")
    published = resealed(copied)
    with pytest.raises(BundleError, match="the model would write nonsense"):
        Generator.load(published)


def test_an_engine_that_fails(bundle: Bundle, older: Bundle) -> None:
    puppet = Puppet(fault=RuntimeError("no kernel\nat line 5"))
    for each in (bundle, older):
        with pytest.raises(BundleError, match=r"can't write: no kernel\. It is not served\.$") as refused:
            smoke_test(generator(each, puppet), each)
        assert str(each.path) in str(refused.value)


def test_an_engine_that_writes_nothing(bundle: Bundle, older: Bundle) -> None:
    for each in (bundle, older):
        for nothing in ([], [0, 0]):
            with pytest.raises(BundleError, match="writes nothing, whatever it reads"):
                smoke_test(generator(each, Puppet(nothing)), each)


def test_an_engine_that_always_writes_the_same_nonsense(bundle: Bundle, older: Bundle) -> None:
    codec = TextCodec.load(bundle.tokenizer)
    nonsense = [*codec.encode(["y p t <n3> y p"], 64)[0][:-1]]
    smoke_test(generator(older, Puppet(nonsense)), older)  # of which nobody knows what it should write
    with pytest.raises(BundleError, match="answers other than what training saw"):
        smoke_test(generator(bundle, Puppet(nonsense)), bundle)
