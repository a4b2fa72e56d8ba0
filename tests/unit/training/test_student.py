"""A student is its teacher with some of the decoder's layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import T5ForConditionalGeneration

from adcraft.errors import SettingsError
from adcraft.inference.bundle import Bundle, RunReference
from adcraft.inference.codec import TextCodec
from adcraft.inference.lexicon import LEXICON, Lexicon, read_lexicon
from adcraft.inference.torch_engine import TorchEngine
from adcraft.settings import load_settings
from adcraft.training.inputs import RunInputs
from adcraft.training.student import decoder_layers, kept_layers, student_base
from tests.prepared import write_prepared
from tests.teachers import write_deeper

LAYERS = 4


@pytest.fixture(scope="module")
def teacher(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("teacher") / "bundle"
    return write_deeper(tiny_bundle, LAYERS, folder, RunReference(id="1", name="teacher"))


def load(folder: Path) -> T5ForConditionalGeneration:
    return T5ForConditionalGeneration.from_pretrained(folder).eval()


@pytest.mark.parametrize(
    ("layers", "kept", "expected"),
    [
        (6, 2, (0, 5)),
        (6, 3, (0, 2, 5)),
        (12, 3, (0, 6, 11)),
        (3, 2, (0, 2)),
        (6, 1, (0,)),
        (6, 0, (0, 2, 5)),
        (3, 0, (0, 2)),
        (1, 0, (0,)),
        (4, 4, (0, 1, 2, 3)),
    ],
)
def test_layers_are_taken_evenly(layers: int, kept: int, expected: tuple[int, ...]) -> None:
    assert kept_layers(layers, kept) == expected


def test_no_layer_is_taken_twice_and_first_and_last_stay() -> None:
    for layers in range(2, 25):
        for kept in range(2, layers + 1):
            taken = kept_layers(layers, kept)
            assert len({*taken}) == kept
            assert (taken[0], taken[-1]) == (0, layers - 1)


def test_more_layers_than_there_are_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"decoder_layers = 7, and the teacher has 6\."):
        kept_layers(6, 7)


def test_a_students_weights_are_its_teachers(teacher: Bundle, tmp_path: Path) -> None:
    assert decoder_layers(teacher) == LAYERS
    ours, theirs = load(student_base(teacher, (0, 3), tmp_path)), load(teacher.model)
    for name in ("shared", "encoder"):
        given = getattr(theirs, name).state_dict()
        assert all(weight.equal(given[key]) for key, weight in getattr(ours, name).state_dict().items())
    assert len(ours.decoder.block) == ours.config.num_decoder_layers == 2
    for taken, block in zip((0, 3), ours.decoder.block, strict=True):
        given = theirs.decoder.block[taken].state_dict()
        assert all(weight.equal(given[key]) for key, weight in block.state_dict().items())
    assert ours.decoder.final_layer_norm.weight.equal(theirs.decoder.final_layer_norm.weight)


@pytest.mark.parametrize(("layers", "same"), [((0, 1, 2, 3), True), ((0, 3), False)])
def test_all_layers_write_what_the_teacher_writes(
    teacher: Bundle, layers: tuple[int, ...], same: bool, tmp_path: Path
) -> None:
    codec = TextCodec.load(teacher.tokenizer)
    texts = ["write: body | product: <name> Tea Pot | brand: <brand>", "write: body | product: <name> Bag"]
    sources = codec.encode(texts, 64)
    written = [
        [
            hypotheses[0].ids
            for hypotheses in TorchEngine(folder, codec).decode(sources, max_tokens=24, variants=1)
        ]
        for folder in (student_base(teacher, layers, tmp_path), teacher.model)
    ]
    assert all(written[1])
    assert (written[0] == written[1]) is same


def test_a_student_is_made_once(teacher: Bundle, tmp_path: Path) -> None:
    folder = student_base(teacher, (0, 3), tmp_path)
    (folder / "mark").touch()
    assert student_base(teacher, (0, 3), tmp_path) == folder
    assert (folder / "mark").exists()
    assert student_base(teacher, (0,), tmp_path) != folder


def test_a_run_takes_the_students_weights_and_its_teachers_lexicon(teacher: Bundle, tmp_path: Path) -> None:
    lexicon = Lexicon(known=frozenset({"kurta"}), drawn={"body": frozenset({"red"})})
    lexicon.write(teacher.lexicon)
    student = student_base(teacher, (0, 3), tmp_path)
    settings = load_settings(overrides=[f"home={tmp_path}", f"model.base={student}"])
    base = RunInputs(settings, write_prepared(tmp_path / "data", rows=20)).base
    assert read_lexicon(base / LEXICON) == lexicon
    ours, theirs = load(base).state_dict(), load(student).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(weight.equal(theirs[name]) for name, weight in ours.items())
    assert TextCodec.load(base / "tokenizer.json").vocabulary == TextCodec.load(teacher.tokenizer).vocabulary
