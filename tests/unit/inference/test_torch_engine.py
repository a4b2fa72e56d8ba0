"""The engine on torch: it answers as CTranslate2 does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from adcraft.errors import BundleError, SettingsError
from adcraft.inference.bundle import Bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine, Engine
from adcraft.inference.engine_choice import EngineKind, open_engine
from adcraft.inference.generator import Generator
from adcraft.inference.torch_engine import TorchEngine
from adcraft.inference.vocabulary_map import VOCABULARY_MAP

ROOT = Path(__file__).parents[3]
NAMES = [
    "Bag",
    "Red Kurta with a long hem",
    "Shoes | brand: <brand>",
    "Tea",
    "",
    "Wool Scarf | brand: <brand>",
]


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def codec(bundle: Bundle) -> TextCodec:
    return TextCodec.load(bundle.tokenizer)


@pytest.fixture(scope="module")
def sources(codec: TextCodec) -> list[list[int]]:
    return codec.encode([f"write: body | product: <name> {name}" for name in NAMES], 64)


@pytest.fixture(scope="module")
def ours(bundle: Bundle, codec: TextCodec) -> Engine:
    return open_engine(bundle, codec, "torch", compute_type="float32")


@pytest.fixture(scope="module")
def theirs(bundle: Bundle, codec: TextCodec, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """CTranslate2 over the whole vocabulary, of which torch computes all probabilities too."""
    folder = tmp_path_factory.mktemp("whole") / "engine"
    shutil.copytree(bundle.engine, folder)
    (folder / VOCABULARY_MAP).unlink()
    return CTranslate2Engine(folder, codec.vocabulary, compute_type="float32")


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 32])
@pytest.mark.parametrize("variants", [1, 2, 5])
def test_both_write_the_same(
    ours: Engine, theirs: Engine, sources: list[list[int]], max_tokens: int, variants: int
) -> None:
    mine = ours.decode(sources, max_tokens=max_tokens, variants=variants)
    other = theirs.decode(sources, max_tokens=max_tokens, variants=variants)
    assert [[h.ids for h in row] for row in mine] == [[h.ids for h in row] for row in other]
    assert [[h.score for h in row] for row in mine] == [
        pytest.approx([h.score for h in row], abs=2e-3) for row in other
    ]


def test_both_score_the_same(
    ours: Engine, theirs: Engine, codec: TextCodec, sources: list[list[int]]
) -> None:
    targets = codec.encode(["Meet <name>.", "Meet <brand> by <name>.", "", "a b", "y", "Meet"], 64)
    assert ours.score(sources, targets) == pytest.approx(theirs.score(sources, targets), abs=1e-3)
    assert ours.score([], []) == []


def test_a_batch_answers_as_its_members_alone_would(ours: Engine, sources: list[list[int]]) -> None:
    for variants in (1, 3):
        together = ours.decode(sources, max_tokens=32, variants=variants)
        alone = [ours.decode([source], max_tokens=32, variants=variants)[0] for source in sources]
        assert [[h.ids for h in side] for side in together] == [[h.ids for h in side] for side in alone]
    assert ours.decode([], max_tokens=3, variants=1) == []


def test_no_more_variants_than_tokens(ours: Engine, codec: TextCodec, sources: list[list[int]]) -> None:
    [hypotheses] = ours.decode(sources[:1], max_tokens=1, variants=1000)
    firsts = {hypothesis.ids[0] for hypothesis in hypotheses}
    assert len(codec.vocabulary) - 2 <= len(hypotheses) == len(firsts) < 1000
    assert firsts.isdisjoint({codec.eos_id, codec.unk_id})


@pytest.mark.parametrize(
    ("kind", "made"),
    [("auto", CTranslate2Engine), ("ctranslate2", CTranslate2Engine), ("torch", TorchEngine)],
)
def test_the_kind_that_is_asked_for_is_opened(bundle: Bundle, kind: EngineKind, made: type[Engine]) -> None:
    generator = Generator.load(bundle, engine=kind, compute_type="float32")
    assert isinstance(generator.engine, made)
    [generation] = generator.generate([{"product_name": "Shoes", "brand": "Nike"}])
    assert generation.texts == ("Meet Shoes by Nike.",)


def test_the_number_type_and_the_threads_are_those_asked_for(
    bundle: Bundle, codec: TextCodec, sources: list[list[int]]
) -> None:
    engine = TorchEngine(bundle.model, codec, compute_type="bfloat16", threads=2)
    assert engine.compute_type == "bfloat16"
    assert torch.get_num_threads() == 2
    [[best]] = engine.decode(sources[2:3], max_tokens=32, variants=1)
    assert codec.decode([best.ids]) == ["Meet <name> by <brand>."]
    if not torch.cuda.is_available():
        assert TorchEngine(bundle.model, codec).compute_type == "float32"


@pytest.mark.parametrize("compute_type", ["int8", "", "FLOAT32"])
def test_a_type_that_torch_does_not_compute_in(bundle: Bundle, codec: TextCodec, compute_type: str) -> None:
    said = f"compute_type '{compute_type}' is not supported by this "
    with pytest.raises(SettingsError, match=re.escape(said) + r".*Supported: auto, bfloat16, .*float32\.$"):
        TorchEngine(bundle.model, codec, compute_type=compute_type)


def test_a_model_of_fewer_rows_than_tokens(
    bundle: Bundle, codec: TextCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "vocabulary", [*codec.vocabulary, *map(str, range(100))])
    with pytest.raises(BundleError, match=f"rows, the tokenizer {len(codec.vocabulary)} tokens"):
        TorchEngine(bundle.model, codec)


def test_torch_is_imported_only_when_the_engine_is_made() -> None:
    code = (
        "import sys\n"
        "from adcraft.inference import engine_choice, smoke, torch_engine\n"
        "assert not {'torch', 'transformers', 'ctranslate2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
